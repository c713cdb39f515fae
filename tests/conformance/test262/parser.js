// Says which files of test262's parser tests are parsed otherwise than they
// should be. Those that should parse must not do more than that, for they do
// anything: what comes before them throws.
const parse = eval;
const { stringify } = JSON;
const { readdir } = os;
const { loadFile } = std;
const say = print;
const strict = /^(\s|\/\/.*|\/\*[^]*?\*\/)*(["'])use strict\2/;
const reached = {};
globalThis.reachedIt = reached;

function isScript(source) {
    const prefix = (strict.test(source) ? '"use strict";' : '') + 'throw reachedIt;\n';
    try {
        parse(prefix + source);
        return true;
    } catch (error) {
        return error === reached;
    }
}

async function isModule(path) {
    try {
        await import(path);
        return true;
    } catch (error) {
        return !(error instanceof SyntaxError);
    }
}

const wrong = [];
let count = 0;
for (const [folder, expected] of [['pass', true], ['fail', false], ['early', false]]) {
    for (const name of readdir('/suite/' + folder)[0].sort()) {
        if (!name.endsWith('.js')) continue;
        const path = `/suite/${folder}/${name}`;
        count += 1;
        const parsed = name.endsWith('.module.js')
            ? await isModule(path)
            : isScript(loadFile(path));
        if (parsed !== expected) wrong.push(`${folder}/${name}`);
    }
}
say(stringify({ count, wrong }));
