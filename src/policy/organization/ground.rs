//! What binds each account, with some differences undone. In come an arrangement and edits, each of which takes a difference
//! back; out comes, for an account and any choice of edits, the path of levels that binds it. Nodes, levels and paths are
//! numbers, and of one edit only what lies beneath it is worked out anew. It decides nothing, and a circle in a tree ends it
//! as it ends a path that is too deep.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Arrangement, DEEPEST, Key, OFF};

/// One step that takes a difference back.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A policy says what a text says.
    Text {
        /// The policy.
        policy: String,
        /// The number of the text.
        text: usize,
    },
    /// A policy hangs on a target.
    Attach {
        /// The policy.
        policy: String,
        /// A root, unit or account.
        target: String,
    },
    /// A policy hangs on no target, or not on one.
    Detach {
        /// The policy.
        policy: String,
        /// The target; none for every one.
        target: Option<String>,
    },
    /// The type is on.
    SwitchOn,
    /// An account or a unit hangs on a unit or root.
    Hang {
        /// The account or unit.
        what: String,
        /// The unit or root.
        on: String,
    },
    /// An account that left is a member, below a unit or root.
    Join {
        /// The account.
        what: String,
        /// The unit or root.
        on: String,
    },
}

/// A root, unit or account.
pub type Node = usize;

/// Levels from the root down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(usize);

/// What a path lets through: its levels, whatever their order and however often one is there. A request needs an Allow on
/// each of them, and no Deny on any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bind(usize);

/// An arrangement with the edits that take its differences back.
#[derive(Debug)]
pub struct Ground {
    nodes: FxHashMap<String, Node>,
    names: Vec<String>,
    parent: Vec<Option<Node>>,
    gone: Vec<bool>,
    attached: Vec<BTreeSet<usize>>,
    policies: FxHashMap<String, usize>,
    text: Vec<Option<usize>>,
    off: bool,
    /// The text that lets everything through.
    free: usize,
    /// The accounts that guardrails bind, in their order and to ask for.
    members: Vec<Node>,
    is_member: FxHashSet<Node>,
    on_node: Vec<Vec<(usize, OnNode)>>,
    on_policy: Vec<Vec<(usize, usize)>>,
    switch_on: Vec<usize>,
    paths: Paths,
}

/// What an edit does to a node.
#[derive(Clone, Copy, Debug)]
enum OnNode {
    Attach(usize),
    Detach(usize),
    Hang(Node),
    Join,
}

/// The state in which every edit was made.
#[derive(Debug)]
pub struct Declared {
    path: Vec<Path>,
    children: Vec<Vec<Node>>,
    targets: Vec<Vec<Node>>,
}

/// Paths and levels under numbers.
#[derive(Debug, Default)]
struct Paths {
    levels: FxHashMap<Vec<usize>, usize>,
    texts: Vec<Vec<usize>>,
    known: FxHashMap<(Option<Path>, usize), Path>,
    /// By path: what is above, its lowest level, what it lets through.
    entries: Vec<(Option<Path>, usize, Bind)>,
    binds: FxHashMap<Vec<usize>, Bind>,
    bound: Vec<Vec<usize>>,
}

impl Ground {
    /// Takes an arrangement, in which a text lets everything through, and the accounts that guardrails bind.
    #[must_use]
    pub fn new(arrangement: &Arrangement, free: usize, members: &[&str]) -> Self {
        let mut ground = Self {
            nodes: FxHashMap::default(),
            names: Vec::new(),
            parent: Vec::new(),
            gone: Vec::new(),
            attached: Vec::new(),
            policies: FxHashMap::default(),
            text: Vec::new(),
            off: arrangement.text.contains_key(OFF),
            free,
            members: Vec::new(),
            is_member: FxHashSet::default(),
            on_node: Vec::new(),
            on_policy: Vec::new(),
            switch_on: Vec::new(),
            paths: Paths::default(),
        };
        for (what, on) in &arrangement.parent {
            let (what, on) = (ground.node(what), ground.node(on));
            set(&mut ground.parent, what, Some(on));
        }
        for (policy, text) in arrangement.text.iter().filter(|(policy, _)| *policy != OFF) {
            let policy = ground.policy(policy);
            set(&mut ground.text, policy, Some(*text));
        }
        for (target, policies) in &arrangement.attached {
            let target = ground.node(target);
            for policy in policies.iter().filter(|policy| *policy != OFF) {
                let policy = ground.policy(policy);
                if let Some(there) = ground.attached.get_mut(target) {
                    there.insert(policy);
                }
            }
        }
        ground.members = members.iter().map(|account| ground.node(account)).collect();
        ground.is_member = ground.members.iter().copied().collect();
        ground
    }

    fn node(&mut self, name: &str) -> Node {
        if let Some(node) = self.nodes.get(name) {
            return *node;
        }
        let node = self.names.len();
        self.nodes.insert(name.to_owned(), node);
        self.names.push(name.to_owned());
        self.parent.push(None);
        self.gone.push(false);
        self.attached.push(BTreeSet::new());
        self.on_node.push(Vec::new());
        node
    }

    fn policy(&mut self, id: &str) -> usize {
        if let Some(policy) = self.policies.get(id) {
            return *policy;
        }
        let policy = self.text.len();
        self.policies.insert(id.to_owned(), policy);
        self.text.push(None);
        self.on_policy.push(Vec::new());
        policy
    }

    /// The id of a root, unit or account.
    #[must_use]
    pub fn name(&self, node: Node) -> &str {
        self.names.get(node).map_or("", String::as_str)
    }

    /// The text that a policy has now.
    #[must_use]
    pub fn text_of(&self, policy: &str) -> Option<usize> {
        self.text.get(*self.policies.get(policy)?).copied().flatten()
    }

    /// Gives a policy that is not there a text of its own.
    pub fn says(&mut self, policy: &str, text: usize) {
        let policy = self.policy(policy);
        set(&mut self.text, policy, Some(text));
    }

    /// Takes down that a difference is taken back by an edit. Differences are numbered from zero, and given in that order.
    pub fn note(&mut self, difference: usize, edit: &Edit) {
        match edit {
            Edit::Text { policy, text } => {
                let policy = self.policy(policy);
                push(&mut self.on_policy, policy, (difference, *text));
            }
            Edit::Attach { policy, target } => {
                let (policy, target) = (self.policy(policy), self.node(target));
                push(&mut self.on_node, target, (difference, OnNode::Attach(policy)));
            }
            Edit::Detach { policy, target } => {
                let policy = self.policy(policy);
                let targets: Vec<Node> = match target {
                    Some(target) => vec![self.node(target)],
                    None => (0..self.names.len()).filter(|node| self.hangs(*node, policy)).collect(),
                };
                for target in targets {
                    push(&mut self.on_node, target, (difference, OnNode::Detach(policy)));
                }
            }
            Edit::SwitchOn => self.switch_on.push(difference),
            Edit::Hang { what, on } => {
                let (what, on) = (self.node(what), self.node(on));
                push(&mut self.on_node, what, (difference, OnNode::Hang(on)));
            }
            Edit::Join { what, on } => {
                let (what, on) = (self.node(what), self.node(on));
                set(&mut self.parent, what, Some(on));
                set(&mut self.gone, what, true);
                self.members.push(what);
                self.is_member.insert(what);
                push(&mut self.on_node, what, (difference, OnNode::Join));
            }
        }
    }

    fn hangs(&self, node: Node, policy: usize) -> bool {
        self.attached.get(node).is_some_and(|policies| policies.contains(&policy))
    }

    fn edits(&self, node: Node) -> impl Iterator<Item = &(usize, OnNode)> {
        self.on_node.get(node).into_iter().flatten()
    }

    /// What a node hangs on.
    fn above(&self, node: Node, undone: &dyn Fn(usize) -> bool) -> Option<Node> {
        let mut above = self.parent.get(node).copied().flatten();
        for (difference, edit) in self.edits(node) {
            if let OnNode::Hang(on) = edit
                && undone(*difference)
            {
                above = Some(*on);
            }
        }
        above
    }

    /// Whether nothing binds a node.
    fn is_free(&self, node: Node, undone: &dyn Fn(usize) -> bool) -> bool {
        let joined = || self.edits(node).any(|(difference, edit)| matches!(edit, OnNode::Join) && undone(*difference));
        (self.off && !self.switch_on.iter().any(|difference| undone(*difference)))
            || (self.gone.get(node).copied().unwrap_or(false) && !joined())
    }

    /// The policies of a node.
    fn policies_at(&self, node: Node, undone: &dyn Fn(usize) -> bool) -> BTreeSet<usize> {
        let mut policies = self.attached.get(node).cloned().unwrap_or_default();
        for (_, edit) in self.edits(node).filter(|(difference, _)| undone(*difference)) {
            match edit {
                OnNode::Attach(policy) => policies.insert(*policy),
                OnNode::Detach(policy) => policies.remove(policy),
                OnNode::Hang(_) | OnNode::Join => false,
            };
        }
        policies
    }

    /// The texts of a node.
    fn level(&self, node: Node, undone: &dyn Fn(usize) -> bool) -> Vec<usize> {
        let text = |policy: usize| {
            let said = self.on_policy.get(policy).into_iter().flatten();
            let said = said.filter(|(difference, _)| undone(*difference)).last().map(|(_, text)| *text);
            said.or(self.text.get(policy).copied().flatten())
        };
        let mut texts: Vec<usize> = self.policies_at(node, undone).into_iter().filter_map(text).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    /// The path of a node while some differences are undone. `known` has the paths of those that need not be worked out.
    fn walk(
        &mut self,
        node: Node,
        undone: &dyn Fn(usize) -> bool,
        known: &dyn Fn(Node) -> Option<Path>,
        found: &mut FxHashMap<Node, Path>,
    ) -> Path {
        let (mut way, mut path, mut here) = (Vec::new(), None, Some(node));
        while let Some(node) = here {
            path = found.get(&node).copied().or_else(|| known(node));
            if path.is_some() {
                break;
            }
            way.push(node);
            here = if way.len() > DEEPEST { None } else { self.above(node, undone) };
        }
        for node in way.into_iter().rev() {
            let next = if self.is_free(node, undone) {
                self.paths.extend(None, vec![self.free])
            } else {
                let level = self.level(node, undone);
                self.paths.extend(path, level)
            };
            found.insert(node, next);
            path = Some(next);
        }
        path.unwrap_or_else(|| self.paths.extend(None, Vec::new()))
    }

    /// The path of an account while some differences are undone.
    pub fn path(&mut self, account: Node, undone: &dyn Fn(usize) -> bool) -> Path {
        self.walk(account, undone, &|_| None, &mut FxHashMap::default())
    }

    /// The state in which everything is undone.
    pub fn declared(&mut self) -> Declared {
        let every = |_: usize| true;
        let mut found = FxHashMap::default();
        let path = (0..self.names.len()).map(|node| self.walk(node, &every, &|_| None, &mut found)).collect();
        let mut children = vec![Vec::new(); self.names.len()];
        let mut targets = vec![Vec::new(); self.text.len()];
        for node in 0..self.names.len() {
            if let Some(above) = self.above(node, &every) {
                push(&mut children, above, node);
            }
            for policy in self.policies_at(node, &every) {
                push(&mut targets, policy, node);
            }
        }
        Declared { path, children, targets }
    }

    /// The accounts with their paths as they are now.
    pub fn now(&mut self) -> BTreeMap<Node, Path> {
        let mut found = FxHashMap::default();
        let members = self.members.clone();
        members.into_iter().map(|account| (account, self.walk(account, &|_| false, &|_| None, &mut found))).collect()
    }

    /// The places that undoing a difference touches: every one where it is about the whole type.
    #[must_use]
    pub fn touched(&self, declared: &Declared, edits: &[Edit]) -> Vec<Node> {
        let mut touched = BTreeSet::new();
        for edit in edits {
            match edit {
                Edit::Text { policy, .. } | Edit::Detach { policy, target: None } => {
                    let Some(policy) = self.policies.get(policy) else { continue };
                    touched.extend(declared.targets.get(*policy).into_iter().flatten());
                    touched.extend((0..self.names.len()).filter(|node| self.hangs(*node, *policy)));
                }
                Edit::Attach { target: node, .. }
                | Edit::Detach { target: Some(node), .. }
                | Edit::Hang { what: node, .. }
                | Edit::Join { what: node, .. } => touched.extend(self.nodes.get(node)),
                Edit::SwitchOn => return (0..self.names.len()).collect(),
            }
        }
        touched.into_iter().collect()
    }

    /// The accounts beneath what a difference touches, each with its path as declared and with that difference alone.
    pub fn alone(&mut self, difference: usize, touched: &[Node], declared: &Declared) -> Vec<(Node, Path, Path)> {
        let beneath = declared.beneath(touched);
        let undone = |other: usize| other != difference;
        let known = |node: Node| declared.path.get(node).copied().filter(|_| !beneath.contains(&node));
        let mut found = FxHashMap::default();
        let mut members: Vec<Node> = beneath.iter().copied().filter(|node| self.is_member.contains(node)).collect();
        members.sort_unstable();
        let both =
            |account: Node| Some((account, declared.path(account)?, self.walk(account, &undone, &known, &mut found)));
        members.into_iter().filter_map(both).collect()
    }

    /// The differences that may bear on an account, alone or with others: those that touch any place it can hang below, and
    /// any policy that can hang there.
    #[must_use]
    pub fn bearing(&self, account: Node) -> BTreeSet<usize> {
        let mut bearing: BTreeSet<usize> = self.switch_on.iter().copied().collect();
        let (mut places, mut left) = (FxHashSet::default(), vec![account]);
        let mut policies = BTreeSet::new();
        while let Some(node) = left.pop() {
            if !places.insert(node) {
                continue;
            }
            left.extend(self.parent.get(node).copied().flatten());
            policies.extend(self.attached.get(node).into_iter().flatten());
            for (difference, edit) in self.edits(node) {
                bearing.insert(*difference);
                match edit {
                    OnNode::Hang(on) => left.push(*on),
                    OnNode::Attach(policy) => {
                        policies.insert(*policy);
                    }
                    OnNode::Detach(_) | OnNode::Join => {}
                }
            }
        }
        let said = policies.into_iter().filter_map(|policy| self.on_policy.get(policy)).flatten();
        bearing.extend(said.map(|(difference, _)| *difference));
        bearing
    }

    /// What a path lets through.
    #[must_use]
    pub fn bind(&self, path: Path) -> Option<Bind> {
        self.paths.entries.get(path.0).map(|(_, _, bind)| *bind)
    }

    /// What two paths let through both.
    pub fn both(&mut self, one: Bind, other: Bind) -> Bind {
        let mut levels: Vec<usize> =
            [one, other].into_iter().filter_map(|bind| self.paths.bound.get(bind.0)).flatten().copied().collect();
        levels.sort_unstable();
        levels.dedup();
        self.paths.bind(levels)
    }

    /// The levels that let something through, without those that are there twice.
    #[must_use]
    pub fn levels(&self, bind: Bind) -> Key {
        let levels = self.paths.bound.get(bind.0).into_iter().flatten();
        levels.filter_map(|level| self.paths.texts.get(*level).cloned()).collect()
    }

    /// The levels of a path, from the root down.
    #[must_use]
    pub fn key(&self, path: Path) -> Key {
        let (mut levels, mut here) = (Vec::new(), Some(path));
        while let Some((above, level, _)) = here.and_then(|path| self.paths.entries.get(path.0)) {
            levels.extend(self.paths.texts.get(*level).cloned());
            here = *above;
        }
        levels.reverse();
        levels
    }
}

impl Declared {
    /// The path of an account.
    #[must_use]
    pub fn path(&self, account: Node) -> Option<Path> {
        self.path.get(account).copied()
    }

    /// Some places and everything below them.
    fn beneath(&self, touched: &[Node]) -> FxHashSet<Node> {
        let (mut beneath, mut left) = (FxHashSet::default(), touched.to_vec());
        while let Some(node) = left.pop() {
            if beneath.insert(node) {
                left.extend(self.children.get(node).into_iter().flatten());
            }
        }
        beneath
    }
}

impl Paths {
    fn extend(&mut self, above: Option<Path>, texts: Vec<usize>) -> Path {
        let next = self.texts.len();
        let level = *self.levels.entry(texts).or_insert_with_key(|texts| {
            self.texts.push(texts.clone());
            next
        });
        if let Some(path) = self.known.get(&(above, level)) {
            return *path;
        }
        let mut levels = above
            .and_then(|above| self.entries.get(above.0))
            .and_then(|(_, _, bind)| self.bound.get(bind.0).cloned())
            .unwrap_or_default();
        if let Err(place) = levels.binary_search(&level) {
            levels.insert(place, level);
        }
        let bind = self.bind(levels);
        let path = Path(self.entries.len());
        self.entries.push((above, level, bind));
        self.known.insert((above, level), path);
        path
    }

    fn bind(&mut self, levels: Vec<usize>) -> Bind {
        let next = Bind(self.bound.len());
        *self.binds.entry(levels).or_insert_with_key(|levels| {
            self.bound.push(levels.clone());
            next
        })
    }
}

fn set<T>(list: &mut [T], at: usize, value: T) {
    if let Some(place) = list.get_mut(at) {
        *place = value;
    }
}

fn push<T>(lists: &mut [Vec<T>], at: usize, value: T) {
    if let Some(list) = lists.get_mut(at) {
        list.push(value);
    }
}
