// args: a "b c" -x --y=ü. stdout must be args.out.
console.log(scriptArgs.slice(1), scriptArgs.length);
