// stdin: "one\ntwö\n\nlast" (no newline at the end). stdout must be stdin.out.
console.log([std.in.getline(), std.in.getline()]);
console.log(std.in.getByte(), std.in.eof());
console.log(JSON.stringify(std.in.readAsString()), std.in.eof(), std.in.getline());
