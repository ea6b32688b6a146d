/* Read field lines in windows of 32 bytes. scan.h includes this once for each instruction set, with
 * WIDE(name) to name it, WIDE_TARGET to compile for it, WIDE(stops_wide) to classify a window by it, and
 * WIDE_TOKENS_EXACT if that leaves nothing to the table for tokens.
 */

/* Bits of the 32 bytes from p on that may be out of the class; of fewer, where end is nearer: what is behind it
 * counts as in the class. [low, end) holds 32 bytes. */
WIDE_TARGET SCAN_INLINE uint32_t WIDE(stops_before)(const uint8_t *p, const uint8_t *end, int class_bit)
{
    ptrdiff_t left = end - p;
    if (left >= 32)
        return WIDE(stops_wide)(p, class_bit);
    return left ? WIDE(stops_wide)(end - 32, class_bit) >> (32 - left) : 0;
}

WIDE_TARGET static uint32_t WIDE(scan_lines)(const uint8_t *start, const uint8_t **at, const uint8_t *end,
                                             uint32_t *spans, uint32_t room, uint32_t line_bytes)
{
    const uint8_t *line = *at, *last;
    uint32_t count = 0;
    if (end - start < 32)
        return 0;
    last = end - 32;
    while (count < room && line < end && *line != '\r') {
        const uint8_t *colon, *value, *value_end, *stop;
        uint32_t stops = WIDE(stops_before)(line, end, BYTE_TOKEN);
        /* The same bytes, for values: a short line takes one look. */
        uint32_t controls = WIDE(stops_before)(line, end, BYTE_VALUE);
        do {
            /* A name of more than 31 bytes, or the end. */
            if (!stops)
                goto out;
            colon = line + __builtin_ctz(stops);
            stops &= stops - 1;
        } while (!WIDE_TOKENS_EXACT && (BYTE_CLASS[*colon] & BYTE_TOKEN));
        if (*colon != ':' || colon == line)
            break;
        spans[0] = (uint32_t)(line - start);
        spans[1] = (uint32_t)(colon - line);
        /* A name has no control: the first one is in the value, or ends it. */
        stop = line;
        while (!controls) {
            if (stop >= last)
                goto out;
            stop += 32;
            controls = stop <= last ? WIDE(stops_wide)(stop, BYTE_VALUE)
                                    : WIDE(stops_before)(stop, end, BYTE_VALUE);
        }
        stop += __builtin_ctz(controls);
        if (end - stop < 2 || memcmp(stop, "\r\n", 2) != 0 || (size_t)(stop - line) > line_bytes)
            break;
        /* Up to stop there is no control but HTAB: what is not above SP is a space. */
        value = colon + 1;
        while (*value <= ' ' && value < stop)
            value++;
        value_end = stop;
        while (value_end[-1] <= ' ' && value_end > value)
            value_end--;
        spans[2] = (uint32_t)(value - start);
        spans[3] = (uint32_t)(value_end - value);
        spans += 4;
        count++;
        line = stop + 2;
    }
out:
    *at = line;
    return count;
}
