//! `dormouse repl`, at a terminal and at a pipe.
#![cfg(unix)]

use crate::support::{Dir, Ran, SLOW, command, dormouse, run_with_input};
use rexpect::{
    process::WaitStatus,
    session::{Options, PtySession, spawn_with_options},
};
use std::path::Path;

/// How long a test waits for what must come. A debug build captures images.
const PATIENCE: u64 = 100_000;

const UP: &str = "\x1b[A";

/// A user at a terminal of 80 columns.
struct Terminal(PtySession);

impl Terminal {
    /// Starts `dormouse repl` with its home in `home`, up to its first prompt.
    fn start(home: &Path, words: &[&str]) -> Self {
        let mut command = command();
        command.arg("repl").args(words);
        command.env("HOME", home).env("TERM", "xterm");
        let options = Options::new()
            .timeout_ms(Some(PATIENCE))
            .strip_ansi_escape_codes(true);
        let terminal = spawn_with_options(command, options).expect("a terminal");
        let mut terminal = Self(terminal);
        terminal.sees(">>> ");
        terminal
    }

    /// Waits for `text`, and passes over what comes before.
    #[track_caller]
    fn sees(&mut self, text: &str) -> String {
        self.0.exp_string(text).expect("it comes")
    }

    #[track_caller]
    fn keys(&mut self, keys: &str) {
        self.0.send(keys).expect("they are typed");
        self.0.flush().expect("they are typed");
    }

    fn control(&mut self, key: char) {
        self.0.send_control(key).expect("it is typed");
    }

    /// Types a line.
    fn line(&mut self, line: &str) {
        self.keys(line);
        self.keys("\r");
    }

    /// Types a line that shows `text`, up to the next prompt.
    #[track_caller]
    fn shows(&mut self, line: &str, text: &str) {
        self.line(line);
        self.sees("\r\n");
        self.sees(text);
        self.sees(">>> ");
    }

    /// Waits for its end; the exit code.
    #[track_caller]
    fn ends(mut self) -> i32 {
        self.0.exp_eof().expect("it ends");
        match self.0.process().wait() {
            Ok(WaitStatus::Exited(_, code)) => code,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn python_at_a_terminal() {
    let home = Dir::new();
    let mut user = Terminal::start(home.path(), &["-l", "python"]);
    user.shows("6 * 7", "42\r\n");
    user.shows("_ + 1", "43\r\n");
    user.shows("'a' 'b'", "'ab'\r\n");
    user.line("def f():");
    user.sees("... ");
    user.line("    return 'a' * 3");
    user.sees("... ");
    user.line("");
    user.sees(">>> ");
    user.shows("f()", "'aaa'\r\n");
    user.line("x = 1 + \\");
    user.sees("... ");
    user.line("98");
    user.sees(">>> ");
    user.shows("x", "99\r\n");
    // An error, with its source, keeps the session.
    user.shows("1 / 0", "ZeroDivisionError: division by zero\r\n");
    user.shows("x", "99\r\n");
    // What is written without an end of line is not overwritten.
    user.shows("print('no ' + 'end', end='')", "no end\r\n");
    user.line("name = input('who' + '? ')");
    user.sees("who? ");
    user.line("dormouse");
    user.sees(">>> ");
    user.shows("name.upper()", "'DORMOUSE'\r\n");
    user.shows("import sys; sys.stdout.isatty()", "True\r\n");
    user.line("exit(7)");
    assert_eq!(user.ends(), 7);
}

#[test]
#[cfg(target_os = "linux")]
fn a_locked_process_at_a_terminal() {
    let home = Dir::new();
    let mut terminal = Terminal::start(home.path(), &["--lockdown", "-l", "js"]);
    terminal.shows("6 * 7", "42");
    terminal.line("for (;;) {}");
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.control('c');
    terminal.sees(">>> ");
    terminal.shows("1 + 1", "2");
    terminal.control('d');
    assert_eq!(terminal.ends(), 0);
    assert!(home.read(".dormouse_history").contains("6 * 7"));
}

#[test]
fn javascript_at_a_terminal() {
    let home = Dir::new();
    let mut user = Terminal::start(home.path(), &["-l", "js"]);
    user.shows("6 * 7", "42\r\n");
    user.shows("_ + 1", "43\r\n");
    user.line("function f() {");
    user.sees("... ");
    user.line("");
    user.sees("... ");
    user.line("  return ['a', { b: 1 }]");
    user.sees("... ");
    user.line("}");
    user.sees(">>> ");
    user.shows("f()", "[ 'a', { b: 1 } ]\r\n");
    user.line("let x = 1 + \\");
    user.sees("... ");
    user.line("98");
    user.sees(">>> ");
    user.shows("x", "99\r\n");
    user.line("`a");
    user.sees("... ");
    user.shows("b`.length", "3\r\n");
    user.shows("no.such", "ReferenceError: no is not defined\r\n");
    user.shows("await Promise.resolve(x + 1)", "100\r\n");
    user.line("std.exit(7)");
    assert_eq!(user.ends(), 7);
}

#[test]
fn ctrl_c_stops_what_is_typed_or_runs_and_keeps_the_session() {
    let home = Dir::new();
    let mut user = Terminal::start(home.path(), &["-l", "python"]);
    user.shows("x = 98; x + 1", "99\r\n");
    user.keys("typed");
    user.sees("typed");
    user.control('c');
    user.sees(">>> ");
    user.line("def f():");
    user.sees("... ");
    user.control('c');
    user.sees(">>> ");
    for busy in ["while True: pass", "__import__('time').sleep(100)"] {
        user.line(&format!("if print('under' 'way') is None:\r    {busy}\r"));
        user.sees("underway\r\n");
        user.control('c');
        let trace = user.sees("KeyboardInterrupt\r\n");
        assert!(trace.contains("line 2, in <module>\r\n"), "{trace}");
        assert!(!trace.contains("session.py"), "{trace}");
        user.sees(">>> ");
        user.shows("x + 1", "99\r\n");
    }
    user.line("input('go' + ' on')");
    user.sees("go on");
    user.control('c');
    user.sees("KeyboardInterrupt\r\n");
    user.sees(">>> ");
    user.shows("x + 1", "99\r\n");
    user.control('d');
    assert_eq!(user.ends(), 0);

    let mut user = Terminal::start(home.path(), &["-l", "js"]);
    user.shows("let x = 98; x + 1", "99\r\n");
    user.line("(() => {");
    user.sees("... ");
    user.control('c');
    user.sees(">>> ");
    for busy in ["while (true);", "os.sleep(100000)"] {
        user.line(&format!("console.log('under' + 'way'); {busy}"));
        user.sees("underway\r\n");
        user.control('c');
        user.sees("InternalError: interrupted\r\n");
        user.sees(">>> ");
        user.shows("x + 1", "99\r\n");
    }
    user.line("quit");
    assert_eq!(user.ends(), 0);
}

#[test]
fn the_history_is_recalled_and_searched_also_by_the_next_process() {
    let home = Dir::new();
    let mut user = Terminal::start(home.path(), &["-l", "python"]);
    user.shows("'first' + '!'", "'first!'\r\n");
    user.line("for i in range(3):\r    print('x' * i)\r");
    user.sees("xx\r\n");
    user.sees(">>> ");
    user.keys(UP);
    user.sees("for i in range(3):");
    // Within the block first, then before it.
    user.keys(UP);
    user.keys(UP);
    user.sees("'first' + '!'");
    user.line("");
    user.sees("'first!'\r\n");
    user.sees(">>> ");
    user.line("exit");
    assert_eq!(user.ends(), 0);
    let kept = home.read(".dormouse_history");
    assert!(
        kept.contains("for i in range(3):\\n    print('x' * i)\n"),
        "{kept}"
    );

    let mut user = Terminal::start(home.path(), &["-l", "python"]);
    user.keys(UP);
    user.sees("'first' + '!'");
    user.control('c');
    user.sees(">>> ");
    user.control('r');
    user.sees("reverse-i-search");
    user.keys("range");
    user.sees("for i in range(3):");
    // A blank line ends the block that was found.
    user.keys("\r\r");
    user.sees("xx\r\n");
    user.sees(">>> ");
    user.line("quit");
    assert_eq!(user.ends(), 0);
}

#[test]
fn the_history_is_where_it_is_said_to_be() {
    let home = Dir::new();
    let file = home.path().join("elsewhere");
    let file = file.to_str().expect("UTF-8");
    let mut user = Terminal::start(home.path(), &["-l", "js", "--history", file]);
    user.shows("6 * 7", "42\r\n");
    user.control('d');
    assert_eq!(user.ends(), 0);
    assert!(home.read("elsewhere").contains("6 * 7\n"));

    let mut user = Terminal::start(home.path(), &["-l", "js", "--history", ""]);
    user.shows("6 * 7", "42\r\n");
    user.keys(UP);
    user.sees("6 * 7");
    user.control('c');
    user.sees(">>> ");
    user.control('d');
    assert_eq!(user.ends(), 0);
    assert!(!home.exists(".dormouse_history"));

    let nowhere = home.path().join("no/such");
    let nowhere = nowhere.to_str().expect("UTF-8");
    let mut user = Terminal::start(home.path(), &["-l", "js", "--history", nowhere]);
    user.shows("6 * 7", "the history is not kept");
    user.shows("6 * 8", "48\r\n");
    user.control('d');
    assert_eq!(user.ends(), 0);
}

#[test]
fn tab_completes_from_the_live_session() {
    let home = Dir::new();
    let mut user = Terminal::start(home.path(), &["-l", "python"]);
    user.shows("import os; dormice = 3; 1", "1\r\n");
    user.keys("dorm");
    user.keys("i\t");
    user.sees("dormice");
    user.keys(" + 4\r");
    user.sees("7\r\n");
    user.sees(">>> ");
    user.keys("len(os.path.basen\t");
    user.sees("os.path.basename");
    user.keys("('a/bcd'))\r");
    user.sees("3\r\n");
    user.sees(">>> ");
    // Several: they are listed.
    user.keys("os.path.exp\t");
    user.sees("os.path.expand");
    user.keys("\t");
    user.sees("expanduser");
    user.sees("expandvars");
    user.sees(">>> os.path.expand");
    user.control('c');
    user.sees(">>> ");
    // Where a line begins, it indents.
    user.keys("if 1:\r");
    user.sees("... ");
    user.keys("\tprint('in' 'dented')\r\r");
    user.sees("indented\r\n");
    user.sees(">>> ");
    // Looking for names that never ends is interrupted.
    user.line("class C:\r def __dir__(self):\r  while True: pass\r\rc = C()");
    user.sees("c = C()");
    user.sees(">>> ");
    user.keys("c.\t");
    user.sees("KeyboardInterrupt\r\n");
    user.control('c');
    user.sees(">>> ");
    user.shows("dormice + 4", "7\r\n");
    user.control('d');
    assert_eq!(user.ends(), 0);

    let mut user = Terminal::start(home.path(), &["-l", "js"]);
    user.shows("const dormice = { sleepy: 3 }; 1", "1\r\n");
    user.keys("dormi\t.sl\t + 4\r");
    user.sees(">>> dormice.sleepy");
    user.sees("7\r\n");
    user.sees(">>> ");
    user.control('d');
    assert_eq!(user.ends(), 0);
}

#[test]
fn a_pasted_block_is_one_statement() {
    let home = Dir::new();
    let mut user = Terminal::start(home.path(), &["-l", "python"]);
    let block =
        "class C:\n    def f(self):\n        return 'f'\n\n    def g(self):\n        return 'g'\n";
    user.keys(&format!("\x1b[200~{block}\x1b[201~\r"));
    user.sees("'g'");
    user.sees(">>> ");
    user.shows("C().f() + C().g()", "'fg'\r\n");
    user.control('d');
    assert_eq!(user.ends(), 0);
}

#[test]
fn a_new_session_follows_one_that_a_limit_ended() {
    let home = Dir::new();
    let mut user = Terminal::start(home.path(), &["-l", "python", "--timeout", "3s"]);
    user.shows("x = 98; x + 1", "99\r\n");
    user.line("__import__('time').sleep(100)");
    user.sees("dormouse: stopped: deadline limit of 3s reached; --timeout raises it\r\n");
    user.sees("dormouse: that session is over, and what it had is gone; this is a new one\r\n");
    user.sees(">>> ");
    user.shows("x", "NameError: name 'x' is not defined\r\n");
    user.shows("6 * 7", "42\r\n");
    user.control('d');
    assert_eq!(user.ends(), 0);
}

#[test]
fn what_it_is_and_how_to_leave_stand_at_its_beginning() {
    let home = Dir::new();
    let mut command = command();
    command
        .args(["repl", "-l", "js", "--history", ""])
        .env("TERM", "xterm");
    let mut user = Terminal(
        spawn_with_options(command, Options::new().timeout_ms(Some(PATIENCE))).expect("a terminal"),
    );
    let before = user.sees("Ctrl-D");
    assert!(before.contains("QuickJS-NG"), "{before}");
    assert!(before.contains(env!("CARGO_PKG_VERSION")), "{before}");
    drop(home);
    user.sees(">>> ");
    user.control('d');
    assert_eq!(user.ends(), 0);
}

/// `dormouse repl` with `words` and this on a stdin that is no terminal.
fn piped(words: &[&str], input: &str) -> Ran {
    run_with_input(command().arg("repl").args(words), input.as_bytes())
}

#[test]
fn statements_from_a_pipe() {
    let script = "x = 6\nx * 7\ndef f():\n    return _ + 1\n\nf()\nprint('a',\n 'b')\n1/0\nf()\nexit(3)\n4\n";
    let ran = piped(&["-l", "python"], script);
    ran.exits(3).says(&["ZeroDivisionError"]);
    assert_eq!(ran.text(), "42\n43\na b\n44\n");
    let ran = piped(
        &["-l", "py", "--no-snapshot", SLOW[0], SLOW[1]],
        "6 * 7\nif True:\n  print('last')",
    );
    ran.prints("42\nlast\n");

    let script =
        "let x = 6\nx * 7\nfunction f() {\n\n  return _ + 1\n}\nf()\nno\nf()\nstd.exit(3)\n4\n";
    let ran = piped(&["-l", "js"], script);
    ran.exits(3).says(&["ReferenceError: no is not defined"]);
    assert_eq!(ran.text(), "42\n43\n44\n");
    piped(&["-l", "js", "--no-snapshot"], "`a${1}\nb`.length\nquit\n1").prints("4\n");
}

#[test]
fn the_guest_reads_its_lines_from_the_same_pipe() {
    let script = "name = input()\nJo\nimport sys; sys.stdin.readline()\nan\nname\n";
    piped(&["-l", "python"], script).prints("'an\\n'\n'Jo'\n");
    let ran = piped(&["-l", "python"], "input()\n");
    ran.exits(0).says(&["EOFError"]);
    piped(&["-l", "js"], "std.in.getline()\nJo\n1\n").prints("Jo\n1\n");
}

#[test]
fn a_limit_ends_a_repl_without_a_terminal() {
    let ran = piped(
        &["-l", "python", "--timeout", "1s"],
        "1\nwhile True: pass\n\n2\n",
    );
    ran.exits(124).says(&["deadline limit of 1s", "--timeout"]);
    assert_eq!(ran.text(), "1\n");
    let ran = piped(
        &["-l", "js", "--max-output", "10"],
        "1\n'x'.repeat(20)\n2\n",
    );
    ran.exits(124).says(&["output limit of 10 bytes"]);
}

#[test]
fn a_deadline_also_comes_while_the_guest_waits_for_a_pipe() {
    use std::{io::Write as _, process::Stdio};
    let mut child = command()
        .args(["repl", "-l", "python", "--timeout", "1s"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"input()\n").expect("it is read");
    let status = child.wait().expect("it ends");
    drop(stdin);
    assert_eq!(status.code(), Some(124));
}

#[test]
fn sigint_ends_a_repl_that_waits_for_a_pipe() {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        process::{Command, Stdio},
    };
    let mut child = command()
        .args(["repl", "-l", "js"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let kill = |id: u32| {
        let mut kill = Command::new("kill");
        kill.args(["-INT", &id.to_string()]);
        assert!(kill.status().expect("it runs").success());
    };
    let mut line = String::new();
    stdin
        .write_all(b"console.log('underway'); while (true);\n")
        .expect("it is read");
    stdout.read_line(&mut line).expect("it is printed");
    kill(child.id());
    stdin.write_all(b"6 * 7\n").expect("it is read");
    stdout.read_line(&mut line).expect("it is printed");
    assert_eq!(line, "underway\n42\n");
    // What was printed before its end may be followed by a little more to do.
    while child.try_wait().expect("it is ours").is_none() {
        kill(child.id());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn grants_are_those_of_run() {
    let dir = Dir::new();
    dir.write("f.txt", "from the host");
    let mount = dir.mount("/d", "ro");
    let script = "open('/d/f.txt').read()\nimport os; os.environ['A']\n";
    piped(&["-l", "python", "--mount", &mount, "--env", "A=b"], script)
        .prints("'from the host'\n'b'\n");
    let ran = piped(&["-l", "python"], script);
    ran.exits(0).says(&["FileNotFoundError", "KeyError"]);
    let script = "kv.set('a', [1]); kv.get('a')\n";
    piped(&["-l", "python", "--kv"], script).prints("[1]\n");
    piped(&["-l", "python"], script)
        .exits(0)
        .says(&["not granted: kv_set; enable with --kv"]);
    let seeded = || piped(&["-l", "js", "--seed", "1"], "Math.random()\n").text();
    assert_eq!(seeded(), seeded());
}

#[test]
fn a_language_is_required() {
    dormouse(["repl"])
        .exits(2)
        .says(&["language required", "-l python", "-l javascript"]);
    dormouse(["repl", "-l", "wasm"])
        .exits(2)
        .says(&["no prompt", "python"]);
    dormouse(["repl", "-l", "ruby"])
        .exits(2)
        .says(&["unknown language \"ruby\""]);
    dormouse(["repl", "-l", "js", "file.js"]).exits(2);
    let help = dormouse(["repl", "--help"]);
    help.exits(0);
    for option in [
        "--lang",
        "--history",
        "--mount",
        "--packages",
        "--timeout",
        "--no-snapshot",
    ] {
        assert!(help.text().contains(option), "no {option}");
    }
    assert!(dormouse(["--help"]).text().contains("repl"));
    assert!(
        dormouse(["completions", "bash"])
            .text()
            .contains("--history")
    );
}
