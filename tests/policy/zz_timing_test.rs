//! temporary
#![allow(clippy::all, missing_docs)]
use guardline::policy::{
    cause,
    decide::{self, Engine, Options},
    document::Kind,
    levels::{File, from_files},
};
use std::time::Instant;
#[test]
fn timing() {
    let text = std::fs::read_to_string("/work/shared/data/policies/policy-pairs.jsonl").unwrap();
    let mut t = Vec::new();
    let mut cats = std::collections::BTreeMap::new();
    let mut inc = 0;
    for line in text.lines() {
        let v: serde_json::Value = serde_json::from_str(line).unwrap();
        let kind = Kind::ALL.into_iter().find(|k| k.word() == v["kind"]).unwrap();
        let side = |n: &str| {
            let mut g = from_files(kind, vec![File { name: n.to_owned(), text: v[n].to_string() }]).unwrap();
            if kind == Kind::Scp && !v["old"].to_string().contains("Allow") && !v["new"].to_string().contains("Allow") {
                g.put_full_access_beside();
            }
            g
        };
        let (old, new) = (side("old"), side("new"));
        let (old, new) = (&old.stacks[0], &new.stacks[0]);
        let o = Options::default();
        let a = Instant::now();
        let d = decide::decide(old, new, &o);
        let a = a.elapsed();
        let weaker = matches!(d.weaker, decide::Direction::Some(_));
        if !weaker {
            continue;
        }
        let e = Instant::now();
        let engine = Engine::new([old, new], &o).unwrap();
        let _ = engine.extent(old, new);
        let e = e.elapsed();
        let b = Instant::now();
        let c = cause::find(old, new, &o);
        let b = b.elapsed();
        inc += usize::from(c.incomplete.is_some());
        for (c, _) in &c.list {
            *cats.entry(c.category.word()).or_insert(0) += 1;
        }
        if std::env::var("SHOW").is_ok() {
            println!("{} {}", v["id"], v["kind"]);
            for (c, _) in &c.list {
                println!("    {}: {} {:?}", c.category, c.sentence, c.together);
            }
        }
        t.push((b, a, e, c.list.len(), v["id"].to_string()));
    }
    t.sort();
    println!("{cats:?} incomplete {inc}");
    let n = t.len();
    let sum: f64 = t.iter().map(|x| x.0.as_secs_f64()).sum();
    println!(
        "n {n} median {:?} p90 {:?} p99 {:?} mean {:.3} ms",
        t[n / 2].0,
        t[n * 9 / 10].0,
        t[n * 99 / 100].0,
        sum * 1000.0 / n as f64
    );
    let mut d: Vec<_> = t.iter().map(|x| x.1).collect();
    d.sort();
    let mut e: Vec<_> = t.iter().map(|x| x.2).collect();
    e.sort();
    println!("decide median {:?} extent {:?}", d[n / 2], e[n / 2]);
    for x in t.iter().rev().take(6) {
        println!("{x:?}");
    }
}
