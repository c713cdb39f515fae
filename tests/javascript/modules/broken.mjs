// A syntax error.
let a = ;
