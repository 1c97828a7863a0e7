/* What stands between the layers, as models/ladder.py defines it: classes, elements, context, pixels. */

#include "aecodec.h"

enum { COEFFICIENT_LIMIT = 32767, ACTIVATION_LIMIT = 1023, SATURATING = 2 * COEFFICIENT_LIMIT + 1, LAST_CLASS = 63,
       FINE_MIDDLE = 512 };

static inline int32_t clamped(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

/* classes (n, positions, count) of outputs (n, positions, units), from channel `first` on; offset: (n, count). */
EXPORT void aec_classes(const int16_t *output, int64_t n, int64_t positions, int64_t units, int64_t first, int64_t count,
                        const int32_t *offset, uint8_t *classes) {
    for (int64_t i = 0; i < n; i++, offset += count)
        for (int64_t p = 0; p < positions; p++, output += units, classes += count)
            for (int64_t k = 0; k < count; k++)
                classes[k] = (uint8_t)clamped(output[first + k] + offset[k], 0, LAST_CLASS);
}

/* Elements to their places: clamp(mean + residual * step) in the plane, times 2^exponent, rounded half up, in the
   context. output: (n, positions, units), of which the first `count` channels are means; step: (n, count). plane and
   context: (n, blocks, ...), with so many values a block. */
EXPORT void aec_settle(const int16_t *output, int64_t n, int64_t positions, int64_t units, int64_t count,
                       const int32_t *residual, const int32_t *step, const int32_t *exponent, const int64_t *where,
                       int64_t blocks, int16_t *plane, int64_t plane_block, int16_t *context, int64_t context_block) {
    for (int64_t i = 0; i < n; i++, step += count, plane += blocks * plane_block, context += blocks * context_block)
        for (int64_t p = 0; p < positions; p++, output += units, residual += count) {
            int16_t *elements = plane + where[p] * plane_block, *known = context + where[p] * context_block;
            for (int64_t k = 0; k < count; k++) {
                /* 65535 * 32767 + 32767 < 2^31 */
                int32_t value = output[k] + clamped(residual[k], -SATURATING, SATURATING) * step[k];
                value = clamped(value, -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT);
                elements[k] = (int16_t)value;
                int32_t e = exponent[k];
                int32_t scaled = e >= 0 ? value * (1 << e) : (value + (1 << (-e - 1))) >> -e;
                known[k] = (int16_t)clamped(scaled, -ACTIVATION_LIMIT, ACTIVATION_LIMIT);
            }
        }
}

/* Samples (n, rows, columns, block * block * channels) as pixels (n, rows * block, columns * block, channels). */
EXPORT void aec_pixels(const int16_t *samples, int64_t n, int64_t rows, int64_t columns, int64_t block,
                       int64_t channels, uint8_t *pixels) {
    int64_t run = block * channels, line = columns * run;
    for (int64_t i = 0; i < n * rows; i++, pixels += block * line)
        for (int64_t x = 0; x < columns; x++)
            for (int64_t y = 0; y < block; y++, samples += run) {
                uint8_t *to = pixels + y * line + x * run;
                for (int64_t k = 0; k < run; k++) to[k] = (uint8_t)clamped(samples[k], 0, 255);
            }
}

/* Samples (n, rows, columns, block * block * channels) with two fraction bits as the first values of cells (n, rows *
   block / cell, columns * block / cell, inputs): clamped to 0..1023, less 512. */
EXPORT void aec_cells(const int16_t *samples, int64_t n, int64_t rows, int64_t columns, int64_t block, int64_t cell,
                      int64_t channels, int64_t inputs, int16_t *cells) {
    int64_t run = cell * channels, side = block / cell, line = columns * side * inputs;
    for (int64_t i = 0; i < n * rows; i++, cells += side * line)
        for (int64_t x = 0; x < columns; x++)
            for (int64_t y = 0; y < block; y++)
                for (int64_t part = 0; part < side; part++, samples += run) {
                    int16_t *to = cells + y / cell * line + (x * side + part) * inputs + y % cell * run;
                    for (int64_t k = 0; k < run; k++)
                        to[k] = (int16_t)(clamped(samples[k], 0, 2 * FINE_MIDDLE - 1) - FINE_MIDDLE);
                }
}

/* Cells (n, height, width, inputs) plus what is added to their samples (n, height, width, cell * cell * channels), as
   pixels (n, height * cell, width * cell, channels). */
EXPORT void aec_finished(const int16_t *cells, const int16_t *added, int64_t n, int64_t height, int64_t width,
                         int64_t cell, int64_t channels, int64_t inputs, uint8_t *pixels) {
    int64_t run = cell * channels, line = width * run;
    for (int64_t i = 0; i < n * height; i++, pixels += cell * line)
        for (int64_t x = 0; x < width; x++, cells += inputs)
            for (int64_t y = 0; y < cell; y++, added += run) {
                uint8_t *to = pixels + y * line + x * run;
                for (int64_t k = 0; k < run; k++)
                    to[k] = (uint8_t)clamped((cells[y * run + k] + FINE_MIDDLE + added[k]) >> 2, 0, 255);
            }
}
