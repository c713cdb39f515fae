// A target for `dormouse fuzz`, with a fault behind four certain bytes: README.md
// says how it is built and fuzzed.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t names[16];

// A record: "DORM", a count, and as many numbers of four bytes.
static uint32_t parse(const uint8_t *data, size_t size) {
    if (size < 5 || memcmp(data, "DORM", 4) != 0)
        return 0;
    uint32_t sum = 0;
    uint8_t count = data[4];
    for (size_t i = 0; i < count && 5 + 4 * (i + 1) <= size; i++) {
        uint32_t number;
        memcpy(&number, data + 5 + 4 * i, 4);
        if (number == 0x0badcafe)
            __builtin_trap();  // The planted fault.
        names[i % 16] += number;
        sum += names[i % 16];
    }
    return sum;
}

int main(void) {
    uint8_t data[4096];
    size_t size = fread(data, 1, sizeof data, stdin);
    return parse(data, size) == 1;
}
