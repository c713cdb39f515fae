//! Sessions: copies, and what one has for itself.

use crate::{
    sessions::{fail, interrupt, open, run, text},
    support::{Way, both_ways},
};
use dormouse::{Grants, Kv, Language, Sandbox, Session, Status};

fn copies_of_javascript() {
    let session = open(Language::JavaScript);
    run(
        &session,
        "let x = 1; const list = [1, 2]; function f() { return x + list.length }",
    );
    run(&session, "const std = await import('qjs:std')");
    run(
        &session,
        "const file = std.open('/tmp/a', 'w'); file.puts('one'); file.close(); 0",
    );
    let copy = session.fork().expect("a copy");
    run(&copy, "x = 10; list.push(3)");
    assert_eq!(run(&session, "console.log(f(), list)"), "3 [ 1, 2 ]\n");
    let looks = "console.log(f(), list, std.loadFile('/tmp/a'))";
    assert_eq!(run(&copy, looks), "13 [ 1, 2, 3 ] one\n");
    let draws = "console.log(Math.random())";
    assert_ne!(run(&session, draws), run(&copy, draws));
    assert_eq!(fail(&copy, "throw new Error('e')").1, "Error: e");
    session.close();
    assert_eq!(run(&copy, "setTimeout(() => console.log(x), 2)"), "10\n");
    let copies: Vec<Session> = (0..3).map(|_| copy.fork().expect("a copy")).collect();
    for (number, copy) in copies.iter().enumerate() {
        run(copy, &format!("x += {number}"));
    }
    for (number, copy) in copies.iter().enumerate() {
        assert_eq!(run(copy, "console.log(x)"), format!("{}\n", 10 + number));
    }
    run(&copy, "const open = std.open('/tmp/a', 'r')");
    let error = copy.fork().expect_err("a file is open");
    assert!(error.to_string().contains("file open"), "{error}");
}

both_ways!(copies_of_javascript);

#[test]
fn copies_of_python() {
    let session = open(Language::Python);
    run(
        &session,
        "import random, json, time\nx = [1]\nbig = list(range(300_000))",
    );
    run(&session, "def f():\n    return len(x)");
    run(
        &session,
        "open('/tmp/a', 'w').write('one'); before = time.monotonic()",
    );
    fail(&session, "f(1)");
    let copy = session.fork().expect("a copy");
    run(&copy, "x.append(2); big.append(1)");
    assert_eq!(run(&session, "print(f(), x, len(big))"), "1 [1] 300000\n");
    let looks = "print(f(), x, len(big), open('/tmp/a').read())";
    assert_eq!(run(&copy, looks), "2 [1, 2] 300001 one\n");
    assert_eq!(run(&copy, "print(time.monotonic() >= before)"), "True\n");
    let draws = "print(random.random())";
    assert_ne!(run(&session, draws), run(&copy, draws));
    let failed = copy.run("def g():\n    1 / 0\ng()").expect("it runs");
    assert!(text(&failed.stderr).contains("line 2, in g"));
    session.close();
    run(&copy, "import statistics, email.message, decimal");
    assert_eq!(
        run(
            &copy,
            "print(statistics.mean([1, 3]), decimal.Decimal('1.1'))"
        ),
        "2 1.1\n"
    );
    let again = copy.fork().expect("a copy of the copy");
    assert_eq!(
        run(&again, "print(x, sum(big))"),
        run(&copy, "print(x, sum(big))")
    );
    let error = interrupt(&again, "while True: pass").error;
    assert_eq!(error.expect("an error").name, "KeyboardInterrupt");
    // More than one read of the channel takes.
    let long = format!("y = {:?}\nprint(len(y))", "z".repeat(100_000));
    assert_eq!(run(&again, &long), "100000\n");
    let exit = again.run("raise SystemExit(2)").expect("it runs");
    assert_eq!(exit.status, Status::Exit(2));
    assert_eq!(run(&copy, "print(f())"), "2\n");
    run(&copy, "file = open('/tmp/a')");
    let error = copy.fork().expect_err("a file is open");
    assert!(error.to_string().contains("file open"), "{error}");
}

#[test]
fn plain_python_is_not_copied() {
    let session = Way::Plain.with(|| open(Language::Python));
    let error = session.fork().expect_err("there is no way");
    assert!(error.to_string().contains("woken from an image"), "{error}");
    assert_eq!(run(&session, "print(1)"), "1\n");
}

fn values_and_variables_are_the_sessions() {
    let grants = || Grants {
        kv: Kv::Memory,
        env: vec![("NAME".to_owned(), "value".to_owned())],
        ..Grants::default()
    };
    let image = Way::current().image(Language::JavaScript);
    let open = |grants| {
        Sandbox::new(&image)
            .grants(grants)
            .session()
            .expect("it opens")
    };
    let (one, other) = (open(grants()), open(grants()));
    run(&one, "const std = await import('qjs:std'); kv.set('a', 1)");
    run(&other, "const std = await import('qjs:std')");
    let looks = "console.log(kv.get('a', 'none'), std.getenv('NAME'))";
    assert_eq!(run(&one, looks), "1 value\n");
    assert_eq!(run(&other, looks), "none value\n");
    let copy = one.fork().expect("a copy");
    run(&copy, "kv.set('a', 2)");
    assert_eq!(run(&one, looks), "1 value\n");
    assert_eq!(run(&copy, looks), "2 value\n");
    // What one session is granted, the next one is not.
    one.close();
    let error = fail(&open(Grants::default()), "kv.get('a')").1;
    assert!(error.contains("not granted"), "{error}");
}

both_ways!(values_and_variables_are_the_sessions);
