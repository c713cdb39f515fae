// The prime numbers below a bound.
//
//     cargo run --release -- examples/primes.js 50

const bound = Number(scriptArgs[1] ?? 100);
const composite = new Set();
const primes = [];
for (let n = 2; n < bound; n++) {
    if (composite.has(n)) continue;
    primes.push(n);
    for (let multiple = n * n; multiple < bound; multiple += n) composite.add(multiple);
}
console.log(primes.join(" "));
console.log({ bound, count: primes.length, largest: primes.at(-1) });
