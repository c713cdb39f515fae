//! What a test says of itself, in the comment that it begins with.

/// When an error is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Parse,
    Later,
}

/// What there is to know of a test.
#[derive(Debug, Default)]
pub(super) struct Front {
    flags: Vec<String>,
    includes: Vec<String>,
    /// The error that it must end with.
    pub(super) negative: Option<(Phase, String)>,
}

impl Front {
    pub(super) fn of(source: &str) -> Self {
        let mut front = Self::default();
        let Some((_, rest)) = source.split_once("/*---") else {
            return front;
        };
        let (text, _) = rest.split_once("---*/").unwrap_or((rest, ""));
        let mut key = "";
        let mut phase = Phase::Later;
        for line in text.lines() {
            let is_nested = line.starts_with([' ', '\t', '-']);
            let (name, value) = match line.split_once(':') {
                Some((name, value)) if !line.trim_start().starts_with('-') => {
                    (name.trim(), value.trim())
                }
                _ => ("", line.trim().trim_start_matches('-').trim()),
            };
            if !is_nested {
                key = name;
            }
            let listed = || {
                let value = value.trim_matches(['[', ']']);
                value.split(',').map(|word| word.trim().to_owned())
            };
            match (key, name) {
                ("flags", _) => front.flags.extend(listed()),
                ("includes", _) => front.includes.extend(listed()),
                ("negative", "phase") if value == "parse" => phase = Phase::Parse,
                ("negative", "type") => front.negative = Some((phase, value.to_owned())),
                _ => {}
            }
        }
        front.includes.retain(|file| !file.is_empty());
        front
    }

    pub(super) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|other| other == flag)
    }

    /// Whether the host must be one that can wait for other threads, or can't.
    pub(super) fn wants_other_host(&self) -> bool {
        self.has("CanBlockIsFalse") || self.has("CanBlockIsTrue")
    }

    /// The files that come before the test.
    pub(super) fn includes(&self) -> Vec<String> {
        let mut all = vec!["assert.js".to_owned(), "sta.js".to_owned()];
        if self.has("async") {
            all.push("doneprintHandle.js".to_owned());
        }
        all.extend(self.includes.iter().cloned());
        all
    }
}

#[test]
fn a_test_tells_of_itself() {
    let front = Front::of(
        "// Copyright\n/*---\ndescription: >\n  text: more\nnegative:\n  phase: parse\n  type: \
         SyntaxError\nflags: [async, module]\nincludes:\n  - a.js\n  - b.js\n---*/\nx;",
    );
    assert_eq!(
        front.negative,
        Some((Phase::Parse, "SyntaxError".to_owned()))
    );
    assert!(front.has("async") && front.has("module") && !front.has("raw"));
    assert_eq!(
        front.includes(),
        ["assert.js", "sta.js", "doneprintHandle.js", "a.js", "b.js"]
    );
}
