//! How the files of a crate use one another: never in a circle, and never through the crate's root.
//!
//! An item is found in the file that defines it, however many `pub use` lie between. A module may use what its own
//! child defines and a child what its parent does, for the two are read together; the root is parent to none.

use std::collections::{BTreeMap, BTreeSet};

use crate::file::{File, Violation};
use crate::{lexer, paths};

/// The sources of one crate: a folder with `lib.rs` or `main.rs`.
struct Crate<'a> {
    modules: BTreeMap<Vec<String>, Vec<Source<'a>>>,
}

struct Source<'a> {
    file: &'a File,
    code: String,
    paths: Vec<paths::Path>,
}

/// Where a path leads.
struct Place<'a> {
    module: Vec<String>,
    file: &'a File,
    item: String,
    /// Whether it was reached by a re-export of the root.
    through_root: bool,
}

pub(crate) fn check(files: &[File]) -> Vec<Violation> {
    let in_source = |file: &&File| file.is_rust() && !is_test(&file.path);
    let sources: Vec<&File> = files.iter().filter(in_source).collect();
    let roots: BTreeSet<&str> = sources.iter().filter_map(|file| root_of(&file.path)).collect();
    roots.into_iter().flat_map(|root| Crate::new(root, &sources).check()).collect()
}

/// The folder of a root file.
fn root_of(path: &str) -> Option<&str> {
    path.strip_suffix("/lib.rs").or_else(|| path.strip_suffix("/main.rs"))
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| ["tests", "tests.rs", "benches", "examples"].contains(&part))
        && !path.starts_with("benches/src/")
}

impl<'a> Crate<'a> {
    fn new(root: &str, sources: &[&'a File]) -> Self {
        let mut modules: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for file in sources {
            let Some(inside) = file.path.strip_prefix(root).and_then(|path| path.strip_prefix('/')) else {
                continue;
            };
            if inside.starts_with("bin/") {
                continue; // crates of their own
            }
            let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
            let module: Vec<String> = match inside {
                "lib" | "main" => Vec::new(),
                inside => inside.split('/').map(str::to_owned).collect(),
            };
            let code = lexer::without_tests(&lexer::code_only(&file.text));
            let paths = paths::of(&code);
            modules.entry(module).or_default().push(Source { file, code, paths });
        }
        Self { modules }
    }

    fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut edges: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
        for (module, sources) in &self.modules {
            for source in sources {
                for path in &source.paths {
                    let Some(place) = self.resolve(module, source, &path.segments) else { continue };
                    let by_name = ["crate", "super"].contains(&path.segments[0].as_str());
                    let of_root = place.through_root || place.module.is_empty();
                    if by_name && of_root && !module.is_empty() {
                        found.push(source.file.violation(path.line, by_the_root(&place)));
                    }
                    let related = place.module.starts_with(module) || module.starts_with(&place.module);
                    if !related {
                        let to = edges.entry(&source.file.path).or_default();
                        to.entry(&place.file.path).or_insert(place.item);
                    }
                }
            }
        }
        found.extend(circles(&edges));
        found
    }

    /// Where a path in `module` leads; `None` if out of the crate, or to a module as a whole.
    fn resolve(&self, module: &[String], source: &Source<'a>, path: &[String]) -> Option<Place<'a>> {
        let (first, rest) = path.split_first()?;
        let child = || [module, std::slice::from_ref(first)].concat();
        let (start, rest) = match first.as_str() {
            "crate" => (Vec::new(), rest),
            "self" => (module.to_vec(), rest),
            "super" => {
                let (_, parent) = module.split_last()?;
                let ups = rest.iter().take_while(|segment| *segment == "super").count();
                (parent[..parent.len().checked_sub(ups)?].to_vec(), &rest[ups..])
            }
            _ if self.modules.contains_key(&child()) => (child(), rest),
            // A module that a `use` of this file brought in.
            name => {
                let import = source.paths.iter().find(|path| path.binds.as_deref() == Some(name))?;
                let known = ["crate", "self", "super"].contains(&import.segments[0].as_str());
                let whole = [&import.segments[..], rest].concat();
                return known.then(|| self.resolve(module, source, &whole))?;
            }
        };
        self.descend(start, rest, 0)
    }

    fn descend(&self, mut module: Vec<String>, rest: &[String], depth: usize) -> Option<Place<'a>> {
        let mut rest = rest.iter();
        let item = loop {
            let segment = rest.next()?;
            module.push(segment.clone());
            if !self.modules.contains_key(&module) {
                module.pop();
                break segment;
            }
        };
        let sources = self.modules.get(&module)?;
        if let Some(source) = sources.iter().find(|source| defines(&source.code, item)) {
            return Some(Place { module, file: source.file, item: item.clone(), through_root: false });
        }
        // The item of another file that this one re-exports, or imports for its children.
        let import = |source: &Source<'a>| {
            let import = source.paths.iter().find(|path| path.binds.as_ref() == Some(item))?;
            let (first, path) = import.segments.split_first()?;
            let start = match first.as_str() {
                "crate" => Vec::new(),
                "super" => module.split_last()?.1.to_vec(),
                "self" => module.clone(),
                name => [&module[..], &[name.to_owned()]].concat(),
            };
            (depth < 8 && self.modules.contains_key(&start)).then(|| self.descend(start, path, depth + 1))?
        };
        if let Some(mut place) = sources.iter().find_map(import) {
            place.through_root |= module.is_empty();
            return Some(place);
        }
        if module.is_empty() && item != "*" {
            // A macro stands at the root, wherever it is defined.
            let is_macro = |source: &&Source| source.code.contains(&format!("macro_rules! {item} "));
            let home = |(module, sources): (&Vec<String>, &Vec<Source<'a>>)| {
                let file = sources.iter().find(is_macro)?.file;
                Some(Place { module: module.clone(), file, item: item.clone(), through_root: false })
            };
            if let Some(place) = self.modules.iter().find_map(home) {
                return Some(place);
            }
        }
        let file = sources.first()?.file;
        Some(Place { module, file, item: item.clone(), through_root: false })
    }
}

/// Whether the code has an item of this name.
fn defines(code: &str, item: &str) -> bool {
    let kinds = ["struct", "enum", "trait", "fn", "type", "const", "static", "union", "macro"];
    kinds.iter().any(|kind| lexer::find_word(code, &format!("{kind} {item}")).is_some())
}

fn by_the_root(Place { module, item, file, .. }: &Place) -> String {
    match module.as_slice() {
        [] => format!(
            "`{item}` of {}: the root uses its modules, so none may use the root: move it to a file of its own",
            file.path
        ),
        module => format!(
            "`{item}` through the root of the crate: import `crate::{}::{item}`; re-exports are for users",
            module.join("::")
        ),
    }
}

/// One violation for each set of files that reach each other.
fn circles(edges: &BTreeMap<&str, BTreeMap<&str, String>>) -> Vec<Violation> {
    let reached = |from: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(file) = open.pop() {
            let next = edges.get(file.as_str()).into_iter().flat_map(BTreeMap::keys);
            open.extend(next.filter(|to| seen.insert((**to).to_owned())).map(|to| (*to).to_owned()));
        }
        seen
    };
    let reach: BTreeMap<&str, BTreeSet<String>> = edges.keys().map(|&file| (file, reached(file))).collect();
    let mut found: BTreeMap<Vec<&str>, Violation> = BTreeMap::new();
    for (&file, seen) in reach.iter().filter(|(file, seen)| seen.contains(**file)) {
        let back = |other: &&&str| seen.contains(**other) && reach[**other].contains(file);
        let circle: Vec<&str> = reach.keys().filter(back).copied().collect();
        let uses = circle.iter().flat_map(|&from| {
            let inside = edges[from].iter().filter(|(to, _)| circle.contains(to));
            inside.map(move |(to, item)| format!("{from} uses `{item}` of {to}"))
        });
        let message = format!("a circle of files: {}; move what both need to a third", {
            uses.collect::<Vec<_>>().join(", ")
        });
        found.entry(circle).or_insert(Violation { path: file.to_owned(), line: 1, message });
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let file =
            |(path, text): &(&str, &str)| File { path: format!("x/src/{path}"), text: (*text).to_owned() };
        let files: Vec<File> = files.iter().map(file).collect();
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn one(files: &[(&str, &str)], about: &str) {
        let found = found(files);
        assert!(found.len() == 1 && found[0].contains(about), "{found:#?}");
    }

    const ROOT: (&str, &str) = ("lib.rs", "mod a; mod b;\npub use a::A;\n");

    #[test]
    fn files_that_use_each_other_are_a_circle() {
        let b = ("b.rs", "pub struct B;\nfn g(_: crate::a::A) {}\n");
        one(
            &[ROOT, ("a.rs", "use crate::b::B;\npub struct A;\n"), b],
            "a.rs uses `B` of x/src/b.rs, x/src/b.rs uses `A`",
        );
        one(&[ROOT, ("a.rs", "use super::b;\npub struct A; fn f() { b::g() }\n"), b], "a circle of files");
        assert!(found(&[ROOT, ("a.rs", "pub struct A;\n"), b]).is_empty());
    }

    #[test]
    fn a_longer_circle_is_told_once_and_tests_are_none() {
        let files = [
            ROOT,
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "use crate::c::C;\n"),
            ("c.rs", "use crate::a::A;\n"),
        ];
        one(&files, "a.rs uses `B` of x/src/b.rs, x/src/b.rs uses `C` of x/src/c.rs, x/src/c.rs uses `A`");
        let tests = "struct C;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n";
        assert!(found(&[files[0], files[1], files[2], ("c.rs", tests)]).is_empty());
    }

    #[test]
    fn a_re_export_leads_to_the_file_that_defines() {
        let files = [
            ("lib.rs", "mod k; mod z;\n"),
            ("k.rs", "mod p;\npub(crate) use p::P;\n"),
            ("k/p.rs", "use crate::z::Z;\npub struct P;\n"),
            ("z.rs", "use crate::k::P;\n"),
        ];
        one(&files, "x/src/k/p.rs uses `Z` of x/src/z.rs, x/src/z.rs uses `P` of x/src/k/p.rs");
    }

    #[test]
    fn a_parent_and_its_child_are_one_room() {
        let child = ("a/c.rs", "use super::A;\npub fn f(_: A) {}\n");
        assert!(found(&[ROOT, ("a.rs", "mod c;\npub struct A;\nfn g() { c::f(A) }\n"), child]).is_empty());
    }

    #[test]
    fn the_root_is_for_users() {
        one(
            &[ROOT, ("a.rs", "pub struct A;\n"), ("b.rs", "\nuse crate::{A};\n")],
            "b.rs:2: `A` through the root",
        );
        one(
            &[("main.rs", "mod b;\nstruct Cli;\n"), ("b.rs", "use crate::Cli;\n")],
            "move it to a file of its own",
        );
        let macros = [("main.rs", "mod b;\nmod m;\n"), ("m.rs", "macro_rules! say {\n() => {} }\n")];
        assert!(found(&[macros[0], macros[1], ("b.rs", "use crate::say;\n")]).is_empty());
    }
}
