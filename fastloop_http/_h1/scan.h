/* Classify bytes and find the first one out of its class (RFC 9110 section 5.5 and 5.6.2, RFC 3986).
 *
 * Every scan takes [p, end), reads nothing outside it, and returns the first byte not of the class, or end.
 * The scalar scan is the definition; the SWAR and SSE2 scans must agree with it on every byte and alignment,
 * so all that a machine can run are compiled and tested. A wider scan (AVX2, NEON) becomes SCAN_BEST.
 * Does not know what it scans: head.pyx does.
 */
#ifndef FASTLOOP_HTTP_SCAN_H
#define FASTLOOP_HTTP_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#define SCAN_SSE2 1
#else
#define SCAN_SSE2 0
#endif

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
    /* Tokens have no cheap test of eight bytes at once, and are short. */
    while (class_bit != BYTE_TOKEN && end - p >= 8) {
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

#if SCAN_SSE2
/* Bits of the bytes that may be out of the class; exact for values and targets. For tokens letters, digits
 * and "-" of nearly every name are known good, and the table settles the rest. */
SCAN_INLINE unsigned scan_sse2_stops(__m128i bytes, int class_bit)
{
    if (class_bit == BYTE_TOKEN) {
        __m128i letter = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
        __m128i digit = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
        __m128i good = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter),
                                    _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit));
        good = _mm_or_si128(good, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
        return (unsigned)_mm_movemask_epi8(good) ^ 0xffffu;
    }
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    if (class_bit == BYTE_VALUE) {
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        control = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')), control);
        return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, del));
    }
    /* Signed: bytes from 0x80 up are negative, so one comparison refuses them with the controls and SP. */
    __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x21));
    __m128i mark = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('#')),
                                _mm_cmpeq_epi8(bytes, _mm_set1_epi8('?')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, mark), del));
}

SCAN_INLINE const uint8_t *scan_sse2(const uint8_t *p, const uint8_t *end, int class_bit)
{
    while (end - p >= 16) {
        unsigned stops = scan_sse2_stops(_mm_loadu_si128((const __m128i *)p), class_bit);
        if (!stops) {
            p += 16;
            continue;
        }
        p += __builtin_ctz(stops);
        if (class_bit != BYTE_TOKEN || !(BYTE_CLASS[*p] & BYTE_TOKEN))
            return p;
        p++;
    }
    return scan_scalar(p, end, class_bit);
}
#define SCAN_BEST scan_sse2
#else
#define SCAN_BEST scan_swar
#endif

SCAN_INLINE const uint8_t *scan_token(const uint8_t *p, const uint8_t *end)
{
    return SCAN_BEST(p, end, BYTE_TOKEN);
}

SCAN_INLINE const uint8_t *scan_value(const uint8_t *p, const uint8_t *end)
{
    return SCAN_BEST(p, end, BYTE_VALUE);
}

SCAN_INLINE const uint8_t *scan_target(const uint8_t *p, const uint8_t *end)
{
    return SCAN_BEST(p, end, BYTE_TARGET);
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
