//! Hostile files: refused with a clear error, in little time and memory.

use std::{
    fs::File,
    io::Write,
    time::{Duration, Instant},
};

use super::{super::load, lines};

/// Runs something and fails when it takes a second or more of the processor. The debug build is far slower than the shipped
/// one.
fn in_time<T>(run: impl Fn() -> T) -> T {
    let (start, used) = (Instant::now(), processor_time());
    let done = run();
    let took = processor_time().zip(used).map_or_else(|| start.elapsed(), |(now, then)| now.saturating_sub(then));
    assert!(took < Duration::from_secs(1), "took {took:?}");
    done
}

/// What this thread has used so far, where the system says: a machine that is busy with other work is no mistake of the
/// program.
fn processor_time() -> Option<Duration> {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    said.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[test]
fn a_file_of_50_mb_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.yaml");
    File::create(&path).unwrap().set_len(50_000_000).unwrap();
    let error = in_time(|| load(&path, &[]).unwrap_err());
    let said = error.diagnostics.render(false, 100);
    assert!(said.contains("it has more than 8 MiB"), "{said}");
}

#[test]
fn what_is_no_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: &std::path::Path| load(path, &[]).unwrap_err().diagnostics.render(false, 100);
    assert!(said(folder.path()).contains("it is not a regular file"));
    assert!(said(std::path::Path::new("/dev/zero")).contains("it is not a regular file"));
    assert!(said(&folder.path().join("none.yaml")).contains("cannot read"));
    let path = folder.path().join("bytes.yaml");
    File::create(&path).unwrap().write_all(b"version: 1\n\xff\xfe").unwrap();
    assert!(said(&path).contains("it is not UTF-8 text (byte 11)"));
}

#[test]
fn ten_thousand_levels_are_refused() {
    let flow = format!("version: 1\nestate: {}", "[".repeat(10_000));
    let block = format!("version: 1\nestate:\n  {}x", "- ".repeat(10_000));
    let maps: String = (0..2_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    for text in [flow, block, maps] {
        let said = in_time(|| lines(&text));
        assert!(said.contains("more than 64 levels deep"), "{said}");
    }
}

#[test]
fn an_alias_bomb_never_goes_off() {
    let mut text = "version: 1\nestate: bomb\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let below = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", "));
    }
    let said = in_time(|| lines(&text));
    assert!(said.contains("more than 500000 entries, with aliases written out"), "{said}");

    let long = "x".repeat(1_000_000);
    let text = format!("version: 1\nestate: &long {long}\nlist: [{}]\n", vec!["*long"; 1_000].join(", "));
    let said = in_time(|| lines(&text));
    assert!(said.contains("more than 500000 entries, with aliases written out"), "{said}");
}

#[test]
fn an_alias_inside_its_own_anchor_is_refused() {
    let said = lines("version: 1\nestate: &a [*a]\n");
    assert!(said.contains("this alias stands inside what it refers to"), "{said}");
}

#[test]
fn many_mistakes_are_said_in_time() {
    let accounts: String = (0..2_000).map(|number| format!("    - {{id: {number:012}, nam: x}}\n")).collect();
    let said = in_time(|| lines(&format!("version: 1\nestate: x\naws:\n  accounts:\n{accounts}")));
    assert_eq!(said.lines().count(), 4_000);
}

#[test]
fn long_words_and_many_unknown_keys_are_said_in_time() {
    let word = "x".repeat(1_000_000);
    let said =
        in_time(|| lines(&format!("version: 1\nestate: x\n{word}: 1\nlookback: {word}\nseverity: {{{word}: high}}\n")));
    assert!(said.len() < 10_000, "{} bytes", said.len());
    let keys: String = (0..5_000).map(|number| format!("k{number}: 1\n")).collect();
    let said = in_time(|| lines(&format!("version: 1\nestate: x\naws: {{}}\n{keys}")));
    assert_eq!(said.lines().count(), 5_000);
}
