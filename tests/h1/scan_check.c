/* The scans of scan.h one by one: as a library for test_scan.py, and as a program that checks those of the machine
 * it runs on against the scalar ones (for machines that are emulated).
 *
 * What is scanned lies against a page that cannot be read, before it or behind it: a read outside of the bytes
 * that were lent ends the process.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scan.h"

enum { ROOM = 64 };

#if SCAN_SSE2
static int has_avx2(void) { return scan_has_avx2(); }
#else
static int has_avx2(void) { return 0; }
#endif

int can_run(const char *variant)
{
    if (!strcmp(variant, "avx2"))
        return has_avx2();
    if (!strcmp(variant, "narrow"))
        return SCAN_NARROW;
    return 1;
}

static const uint8_t *scan_as(const char *variant, int class_bit, const uint8_t *low, const uint8_t *p,
                              const uint8_t *end)
{
    if (!strcmp(variant, "scalar"))
        return class_bit == BYTE_TOKEN   ? scan_scalar(p, end, BYTE_TOKEN)
               : class_bit == BYTE_VALUE ? scan_scalar(p, end, BYTE_VALUE)
               : class_bit == BYTE_HOST  ? scan_scalar(p, end, BYTE_HOST)
                                         : scan_scalar(p, end, BYTE_TARGET);
    if (!strcmp(variant, "swar"))
        return class_bit == BYTE_TOKEN   ? scan_swar(p, end, BYTE_TOKEN)
               : class_bit == BYTE_VALUE ? scan_swar(p, end, BYTE_VALUE)
               : class_bit == BYTE_HOST  ? scan_swar(p, end, BYTE_HOST)
                                         : scan_swar(p, end, BYTE_TARGET);
#if SCAN_NARROW
    if (!strcmp(variant, "narrow"))
        return class_bit == BYTE_TOKEN   ? scan_narrow(low, p, end, BYTE_TOKEN)
               : class_bit == BYTE_VALUE ? scan_narrow(low, p, end, BYTE_VALUE)
               : class_bit == BYTE_HOST  ? scan_narrow(low, p, end, BYTE_HOST)
                                         : scan_narrow(low, p, end, BYTE_TARGET);
#endif
#if SCAN_SSE2
    /* Values and targets alone are scanned by it. */
    if (!strcmp(variant, "avx2") && class_bit == BYTE_VALUE)
        return scan_value_avx2(low, p, end);
    if (!strcmp(variant, "avx2") && class_bit == BYTE_TARGET)
        return scan_target_avx2(low, p, end);
#endif
    return class_bit == BYTE_TOKEN   ? scan_token(low, p, end)
           : class_bit == BYTE_VALUE ? scan_value(low, p, end)
           : class_bit == BYTE_HOST  ? scan_host(low, p, end)
                                     : scan_target(low, p, end);
}

static int is_regular(const uint8_t *line, const uint8_t *end, uint32_t line_bytes, const uint8_t *start,
                      uint32_t *spans, const uint8_t **next)
{
    const uint8_t *colon = scan_scalar(line, end, BYTE_TOKEN), *value, *stop, *value_end;
    if (colon == end || colon == line || *colon != ':' || colon - line > 31)
        return 0;
    stop = scan_scalar(colon + 1, end, BYTE_VALUE);
    if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n' || stop - line > line_bytes)
        return 0;
    for (value = colon + 1; value < stop && is_space(*value); value++)
        ;
    for (value_end = stop; value_end > value && is_space(value_end[-1]); value_end--)
        ;
    spans[0] = (uint32_t)(line - start), spans[1] = (uint32_t)(colon - line);
    spans[2] = (uint32_t)(value - start), spans[3] = (uint32_t)(value_end - value);
    *next = stop + 2;
    return 1;
}

static uint32_t lines_scalar(const uint8_t *start, const uint8_t **p, const uint8_t *end, uint32_t *spans,
                             uint32_t room, uint32_t line_bytes)
{
    uint32_t count = 0;
    if (end - start < 32)
        return 0;
    while (count < room && is_regular(*p, end, line_bytes, start, spans + 4 * count, p))
        count++;
    return count;
}

static uint32_t lines_as(const char *variant, const uint8_t *start, const uint8_t **p, const uint8_t *end,
                         uint32_t *spans, uint32_t room, uint32_t line_bytes)
{
    if (!strcmp(variant, "scalar"))
        return lines_scalar(start, p, end, spans, room, line_bytes);
#if SCAN_SSE2
    if (!strcmp(variant, "narrow"))
        return scan_lines_sse2(start, p, end, spans, room, line_bytes);
    if (!strcmp(variant, "avx2"))
        return scan_lines_avx2(start, p, end, spans, room, line_bytes);
#elif SCAN_NEON
    if (!strcmp(variant, "narrow"))
        return scan_lines_neon(start, p, end, spans, room, line_bytes);
#endif
    return scan_lines(start, p, end, spans, room, line_bytes);
}

/* Copy the bytes to where a page that cannot be read begins right behind them, or ends right before them. */
static uint8_t *lay(const uint8_t *data, size_t size, int at_end)
{
    static uint8_t *pages;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!pages) {
        pages = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_READ | PROT_WRITE) || size > page)
            abort();
    }
    return memcpy(at_end ? pages + 2 * page - size : pages + page, data, size);
}

/* The index of the first byte from offset on that is not of the class; -1 if it depends on what is beside. */
ptrdiff_t scan(const char *variant, int class_bit, const uint8_t *data, size_t size, size_t offset)
{
    ptrdiff_t found[2];
    for (int at_end = 0; at_end < 2; at_end++) {
        const uint8_t *p = lay(data, size, at_end);
        found[at_end] = scan_as(variant, class_bit, p, p + offset, p + size) - p;
    }
    return found[0] == found[1] ? found[0] : -1;
}

/* How many lines were read from offset on, where they end, and their spans; -1 as above. */
int lines(const char *variant, const uint8_t *data, size_t size, size_t offset, uint32_t room,
          uint32_t line_bytes, uint32_t *spans, size_t *where)
{
    uint32_t second[4 * ROOM], count = 0;
    for (int at_end = 0; at_end < 2; at_end++) {
        const uint8_t *start = lay(data, size, at_end), *p = start + offset;
        uint32_t found = lines_as(variant, start, &p, start + size, at_end ? second : spans, room, line_bytes);
        if (at_end && (found != count || (size_t)(p - start) != *where || memcmp(spans, second, 16 * found)))
            return -1;
        count = found;
        *where = (size_t)(p - start);
    }
    return (int)count;
}

static uint32_t next_random(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static void fail(const char *variant, const char *what, const uint8_t *data, size_t size)
{
    printf("%s disagrees on %s:", variant, what);
    for (size_t at = 0; at < size; at++)
        printf(" %02x", data[at]);
    printf("\n");
    exit(1);
}

static void check_scans(const char *variant)
{
    static const int classes[] = {BYTE_TOKEN, BYTE_VALUE, BYTE_TARGET, BYTE_HOST};
    uint8_t data[160];
    for (int kind = 0; kind < 4; kind++)
        for (size_t offset = 0; offset < 34; offset++)
            for (size_t size = offset; size < offset + 100; size++)
                for (int times = 0; times < 20; times++) {
                    memset(data, 'a', sizeof data);
                    for (int others = times % 4; size && others; others--)
                        data[next_random() % size] = (uint8_t)next_random();
                    if (scan(variant, classes[kind], data, size, offset)
                        != scan("scalar", classes[kind], data, size, offset))
                        fail(variant, "a scan", data, size);
                }
}

static void check_lines(const char *variant)
{
    static const char *pieces[] = {"a",  "Accept", ":",    ": ", "\r\n", "\r", "\n", "x_y", "\t", " ",
                                   "\x7f", "\x80",  "a: b\r\n", "Content-Length: 5\r\n", "/", "0123456789abcdef"};
    uint8_t data[400];
    for (int times = 0; times < 1000000; times++) {
        uint32_t expected[4 * ROOM], found[4 * ROOM], room = next_random() % 8, line_bytes = 20 + next_random() % 60;
        size_t size = 0, offset, ends, where, want = next_random() % 200;
        int count;
        while (size < want) {
            const char *piece = pieces[next_random() % 16];
            memcpy(data + size, piece, strlen(piece));
            size += strlen(piece);
        }
        if (size && times % 2)
            data[next_random() % size] = (uint8_t)next_random();
        offset = size ? next_random() % (size < 40 ? size : 40) : 0;
        count = lines("scalar", data, size, offset, room, line_bytes, expected, &ends);
        if (lines(variant, data, size, offset, room, line_bytes, found, &where) != count || where != ends
            || memcmp(expected, found, 16 * (size_t)count))
            fail(variant, "lines", data, size);
    }
}

int main(void)
{
    static const char *variants[] = {"swar", "narrow", "avx2", "chosen"};
    for (int at = 0; at < 4; at++) {
        if (!can_run(variants[at]))
            continue;
        check_scans(variants[at]);
        if (SCAN_NARROW && strcmp(variants[at], "swar"))
            check_lines(variants[at]);
        printf("%s agrees\n", variants[at]);
    }
    return 0;
}
