/* Classify bytes, find the first one out of its class, and read whole field lines (RFC 9110 section 5.5 and
 * 5.6.2, RFC 3986).
 *
 * A scan takes [p, end) and returns the first byte not of the class, or end. It may read what stands before p,
 * from low on, to fill its last window; nothing outside [low, end) is read.
 * The scalar scan is the definition, and the others must agree with it on every byte and alignment:
 *   narrow  windows of 16 bytes: SSE2, which all of x86-64 has, and NEON, which all of AArch64 has
 *   AVX2    windows of 32 bytes, chosen at run time
 *   SWAR    words of 8 bytes, on any other machine
 * Does not know what it scans, nor what is wrong with it: head.pyx does.
 */
#ifndef FASTLOOP_HTTP_SCAN_H
#define FASTLOOP_HTTP_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#define SCAN_SSE2 1
#define SCAN_NEON 0
#elif defined(__aarch64__) && defined(__ARM_NEON) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <arm_neon.h>
#define SCAN_SSE2 0
#define SCAN_NEON 1
#else
#define SCAN_SSE2 0
#define SCAN_NEON 0
#endif
#define SCAN_NARROW (SCAN_SSE2 || SCAN_NEON)

#define SCAN_INLINE static inline __attribute__((always_inline))

enum {
    BYTE_TOKEN = 1,    /* tchar */
    BYTE_VALUE = 2,    /* HTAB, SP, VCHAR, obs-text: all a field value may hold */
    BYTE_TARGET = 4,   /* VCHAR but "#", and but "?": a scan stops there, and finds the query on its way */
    BYTE_DIGIT = 8,
    BYTE_HOST = 16,    /* unreserved and sub-delims: reg-name without its pct-encoded */
    BYTE_HEX = 32
};

static const uint8_t BYTE_CLASS[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x17, 0x06, 0x03, 0x17, 0x07, 0x17, 0x17, 0x16, 0x16, 0x17, 0x17, 0x16, 0x17, 0x17, 0x06,
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x06, 0x16, 0x06, 0x16, 0x06, 0x02,
    0x06, 0x37, 0x37, 0x37, 0x37, 0x37, 0x37, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17,
    0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x06, 0x06, 0x06, 0x07, 0x17,
    0x07, 0x37, 0x37, 0x37, 0x37, 0x37, 0x37, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17,
    0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x06, 0x07, 0x06, 0x17, 0x00,
    0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
    0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
    0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
    0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
    0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
    0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
    0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
    0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
};

SCAN_INLINE int byte_is(uint8_t byte, int class_bit) { return BYTE_CLASS[byte] & class_bit; }

SCAN_INLINE int is_space(uint8_t byte) { return byte == ' ' || byte == '\t'; }

SCAN_INLINE const uint8_t *scan_scalar(const uint8_t *p, const uint8_t *end, int class_bit)
{
    while (p < end && (BYTE_CLASS[*p] & class_bit))
        p++;
    return p;
}

/* SWAR: eight bytes at a time on any machine. The table settles a word that may hold a stop, so a false alarm
 * (HTAB) costs time, never a wrong answer; only "is any bit set" is asked, so byte order does not matter. */
#define SCAN_ONES 0x0101010101010101u
#define SCAN_HIGHS 0x8080808080808080u
#define SCAN_BELOW(word, limit) (((word) - SCAN_ONES * (limit)) & ~(word) & SCAN_HIGHS)
#define SCAN_EQUAL(word, byte) SCAN_BELOW((word) ^ (SCAN_ONES * (byte)), 1u)

SCAN_INLINE const uint8_t *scan_swar(const uint8_t *p, const uint8_t *end, int class_bit)
{
    /* The others have no cheap test of eight bytes at once, and are short. */
    while ((class_bit == BYTE_VALUE || class_bit == BYTE_TARGET) && end - p >= 8) {
        uint64_t word, maybe;
        memcpy(&word, p, 8);
        if (class_bit == BYTE_VALUE)
            maybe = SCAN_BELOW(word, 0x20u) | SCAN_EQUAL(word, 0x7fu);
        else
            maybe = (word & SCAN_HIGHS) | SCAN_BELOW(word, 0x21u) | SCAN_EQUAL(word, 0x7fu)
                    | SCAN_EQUAL(word, (uint64_t)'#') | SCAN_EQUAL(word, (uint64_t)'?');
        if (maybe) {
            const uint8_t *stop = scan_scalar(p, p + 8, class_bit);
            if (stop < p + 8)
                return stop;
        }
        p += 8;
    }
    return scan_scalar(p, end, class_bit);
}

/* Names are short, and their "-" keeps them from being all letters: for SSE2 letters, digits, "-" and "." are
 * known good, and the table settles the rest. The other classes of a window are exact. */
#define SCAN_IS_EXACT(class_bit) ((class_bit) == BYTE_VALUE || (class_bit) == BYTE_TARGET)

#if SCAN_SSE2
/* Bits of the 16 bytes at p that may be out of the class. */
SCAN_INLINE uint32_t stops_narrow(const uint8_t *p, int class_bit)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    if (!SCAN_IS_EXACT(class_bit)) {
        __m128i letter = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
        /* From "-" to "9", but "/": the digits with the two marks. */
        __m128i digit = _mm_sub_epi8(bytes, _mm_set1_epi8('-'));
        __m128i good = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter),
                                    _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(12)), digit));
        good = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('/')), good);
        return (uint32_t)_mm_movemask_epi8(good) ^ 0xffffu;
    }
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    if (class_bit == BYTE_VALUE) {
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        control = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')), control);
        return (uint32_t)_mm_movemask_epi8(_mm_or_si128(control, del));
    }
    /* Signed: bytes from 0x80 up are negative, so one comparison refuses them with the controls and SP. */
    __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x21));
    __m128i mark = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('#')),
                                _mm_cmpeq_epi8(bytes, _mm_set1_epi8('?')));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, mark), del));
}
#endif

#if SCAN_NEON
/* 0xff where a byte may be out of the class. */
SCAN_INLINE uint8x16_t stops_lanes(uint8x16_t bytes, int class_bit)
{
    if (!SCAN_IS_EXACT(class_bit)) {
        uint8x16_t letter = vsubq_u8(vorrq_u8(bytes, vdupq_n_u8(0x20)), vdupq_n_u8('a'));
        uint8x16_t digit = vsubq_u8(bytes, vdupq_n_u8('-'));
        uint8x16_t good = vorrq_u8(vcleq_u8(letter, vdupq_n_u8(25)), vcleq_u8(digit, vdupq_n_u8(12)));
        return vornq_u8(vceqq_u8(bytes, vdupq_n_u8('/')), good);
    }
    uint8x16_t del = vceqq_u8(bytes, vdupq_n_u8(0x7f));
    if (class_bit == BYTE_VALUE)
        return vorrq_u8(del, vbicq_u8(vcltq_u8(bytes, vdupq_n_u8(0x20)), vceqq_u8(bytes, vdupq_n_u8('\t'))));
    /* Signed, as for SSE2. */
    uint8x16_t low = vcltq_s8(vreinterpretq_s8_u8(bytes), vdupq_n_s8(0x21));
    uint8x16_t mark = vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('#')), vceqq_u8(bytes, vdupq_n_u8('?')));
    return vorrq_u8(vorrq_u8(low, mark), del);
}

/* One bit for each of 32 lanes. */
SCAN_INLINE uint32_t bits_of_lanes(uint8x16_t first, uint8x16_t second)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t weight = vld1q_u8(weights);
    uint8x16_t sums = vpaddq_u8(vandq_u8(first, weight), vandq_u8(second, weight));
    sums = vpaddq_u8(sums, sums);
    sums = vpaddq_u8(sums, sums);
    return vgetq_lane_u32(vreinterpretq_u32_u8(sums), 0);
}

SCAN_INLINE uint32_t stops_narrow(const uint8_t *p, int class_bit)
{
    return bits_of_lanes(stops_lanes(vld1q_u8(p), class_bit), vdupq_n_u8(0));
}
#endif

#if SCAN_NARROW
SCAN_INLINE const uint8_t *scan_narrow(const uint8_t *low, const uint8_t *p, const uint8_t *end, int class_bit)
{
    while (p < end) {
        const uint8_t *window = p;
        uint32_t stops;
        if (end - p >= 16) {
            stops = stops_narrow(p, class_bit);
        } else if (end - low >= 16) {
            /* The last window reaches back over bytes that have been scanned. */
            window = end - 16;
            stops = stops_narrow(window, class_bit) >> (p - window) << (p - window);
        } else {
            return scan_scalar(p, end, class_bit);
        }
        while (stops) {
            p = window + __builtin_ctz(stops);
            if (SCAN_IS_EXACT(class_bit) || !(BYTE_CLASS[*p] & class_bit))
                return p;
            stops &= stops - 1;
        }
        p = window + 16;
    }
    return end;
}

/* ---- Windows of 32 bytes: whole field lines, and with AVX2 long runs too */

#if SCAN_SSE2
#define WIDE(name) name##_sse2
#define WIDE_TARGET
#define WIDE_TOKENS_EXACT 0
SCAN_INLINE uint32_t stops_wide_sse2(const uint8_t *p, int class_bit)
{
    return stops_narrow(p, class_bit) | stops_narrow(p + 16, class_bit) << 16;
}
#else
#define WIDE(name) name##_neon
#define WIDE_TARGET
#define WIDE_TOKENS_EXACT 0
SCAN_INLINE uint32_t stops_wide_neon(const uint8_t *p, int class_bit)
{
    return bits_of_lanes(stops_lanes(vld1q_u8(p), class_bit), stops_lanes(vld1q_u8(p + 16), class_bit));
}
#endif
#include "scan_wide.h"
#undef WIDE
#undef WIDE_TARGET
#undef WIDE_TOKENS_EXACT
#endif

#if SCAN_SSE2
#define WIDE(name) name##_avx2
#define WIDE_TARGET __attribute__((target("avx2,bmi,bmi2")))
#define WIDE_TOKENS_EXACT 1

/* For each low half of a byte, the high halves that go with it in ASCII, one bit each: of tokens, and of what
 * ends a value. Bytes from 0x80 up are in neither. Twice: a shuffle works on 16 bytes at a time. */
#define TWICE(...) {__VA_ARGS__, __VA_ARGS__}
static const uint8_t TOKEN_HALVES[32] __attribute__((aligned(32))) = TWICE(
    0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xf8, 0xf8, 0xf4, 0x54, 0xd0, 0x54, 0xf4, 0x70);
static const uint8_t CONTROL_HALVES[32] __attribute__((aligned(32))) = TWICE(
    0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x02, 0x03, 0x03, 0x03, 0x03, 0x03, 0x83);
static const uint8_t HALF_BITS[32] __attribute__((aligned(32))) = TWICE(
    0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0, 0, 0, 0, 0, 0, 0, 0);
#undef TWICE

WIDE_TARGET SCAN_INLINE uint32_t stops_wide_avx2(const uint8_t *p, int class_bit)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)p);
    if (class_bit != BYTE_TARGET) {
        const uint8_t *halves = class_bit == BYTE_TOKEN ? TOKEN_HALVES : CONTROL_HALVES;
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
        __m256i bits = _mm256_shuffle_epi8(_mm256_load_si256((const __m256i *)HALF_BITS), high);
        __m256i none = _mm256_cmpeq_epi8(
            _mm256_and_si256(_mm256_shuffle_epi8(_mm256_load_si256((const __m256i *)halves), bytes), bits),
            _mm256_setzero_si256());
        uint32_t out = (uint32_t)_mm256_movemask_epi8(none);
        return class_bit == BYTE_TOKEN ? out : ~out;
    }
    __m256i del = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
    __m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x21), bytes);
    __m256i mark = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('#')),
                                   _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('?')));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(low, mark), del));
}
#include "scan_wide.h"

WIDE_TARGET SCAN_INLINE const uint8_t *scan_avx2(const uint8_t *low, const uint8_t *p, const uint8_t *end,
                                                 int class_bit)
{
    if (end - low < 32)
        return scan_narrow(low, p, end, class_bit);
    for (;; p += 32) {
        uint32_t stops = stops_before_avx2(p, end, class_bit);
        if (stops)
            return p + __builtin_ctz(stops);
        if (end - p <= 32)
            return end;
    }
}

WIDE_TARGET static const uint8_t *scan_value_avx2(const uint8_t *low, const uint8_t *p, const uint8_t *end)
{
    return scan_avx2(low, p, end, BYTE_VALUE);
}

WIDE_TARGET static const uint8_t *scan_target_avx2(const uint8_t *low, const uint8_t *p, const uint8_t *end)
{
    return scan_avx2(low, p, end, BYTE_TARGET);
}
#undef WIDE
#undef WIDE_TARGET
#undef WIDE_TOKENS_EXACT

/* A load, a test and a branch that never changes: less than a call through a pointer, and musl has no ifunc. */
SCAN_INLINE int scan_has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"); }
#endif

/* ---- What this machine runs best */

SCAN_INLINE const uint8_t *scan_best(const uint8_t *low, const uint8_t *p, const uint8_t *end, int class_bit)
{
#if SCAN_NARROW
    return scan_narrow(low, p, end, class_bit);
#else
    (void)low;
    return scan_swar(p, end, class_bit);
#endif
}

SCAN_INLINE const uint8_t *scan_token(const uint8_t *low, const uint8_t *p, const uint8_t *end)
{
    return scan_best(low, p, end, BYTE_TOKEN);
}

SCAN_INLINE const uint8_t *scan_host(const uint8_t *low, const uint8_t *p, const uint8_t *end)
{
    return scan_best(low, p, end, BYTE_HOST);
}

SCAN_INLINE const uint8_t *scan_value(const uint8_t *low, const uint8_t *p, const uint8_t *end)
{
#if SCAN_SSE2
    /* Only what is long pays for the call. */
    if (end - p >= 64 && scan_has_avx2())
        return scan_value_avx2(low, p, end);
#endif
    return scan_best(low, p, end, BYTE_VALUE);
}

SCAN_INLINE const uint8_t *scan_target(const uint8_t *low, const uint8_t *p, const uint8_t *end)
{
#if SCAN_SSE2
    /* All of the head stands behind a target, however short it is: the first window is looked at here. */
    if (end - p >= 64 && scan_has_avx2()) {
        uint32_t stops = stops_narrow(p, BYTE_TARGET);
        return stops ? p + __builtin_ctz(stops) : scan_target_avx2(low, p + 16, end);
    }
#endif
    return scan_best(low, p, end, BYTE_TARGET);
}

/* Read field lines that are complete and regular from *p on, at most room of them and each of at most
 * line_bytes; leave *p at the first line that is something else: the end, cut short, or to be refused.
 * A line fills four numbers: name start, name size, value start, value size, counted from start. */
SCAN_INLINE uint32_t scan_lines(const uint8_t *start, const uint8_t **p, const uint8_t *end, uint32_t *spans,
                                uint32_t room, uint32_t line_bytes)
{
#if SCAN_SSE2
    if (scan_has_avx2())
        return scan_lines_avx2(start, p, end, spans, room, line_bytes);
    return scan_lines_sse2(start, p, end, spans, room, line_bytes);
#elif SCAN_NEON
    return scan_lines_neon(start, p, end, spans, room, line_bytes);
#else
    /* None: head.pyx reads every line in its own steps. */
    (void)start, (void)p, (void)end, (void)spans, (void)room, (void)line_bytes;
    return 0;
#endif
}

/* Whether the size bytes at p are the lower-case literal, in any case. Setting 0x20 folds only controls onto
 * digits and marks, and p holds none. Sizes are constants from four up: the loop becomes comparisons. */
SCAN_INLINE int name_is(const uint8_t *p, const char *lower, size_t size)
{
    uint32_t have, want;
    for (size_t at = 0; at + 4 <= size; at += 4) {
        memcpy(&have, p + at, 4);
        memcpy(&want, lower + at, 4);
        if ((have | 0x20202020u) != want)
            return 0;
    }
    memcpy(&have, p + size - 4, 4);
    memcpy(&want, lower + size - 4, 4);
    return (have | 0x20202020u) == want;
}

#endif
