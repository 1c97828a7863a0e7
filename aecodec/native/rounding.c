/* The encoder's choice of residuals, as encoding/rounding.py defines it, in the same steps of float and double. */

#include <math.h>

#include "aecodec.h"

enum { NEAR = 16, GAMMA_DIGITS = 20, MAX_RESIDUAL = 1 << 20 };

typedef struct {
    const float *near_bits;   /* (64, 2 * NEAR + 1) */
    const double *event_bits; /* of every value of every kind */
    const int32_t *first, *extents, *shifts; /* (64) */
    int64_t skip;
} aec_costs;

static float bits_of(const aec_costs *costs, int32_t residual, int32_t c) {
    if (residual >= -NEAR && residual <= NEAR) return costs->near_bits[c * (2 * NEAR + 1) + NEAR + residual];
    if (c < costs->skip) return 0;
    int32_t extent = costs->extents[c], high = residual >> costs->shifts[c];
    int32_t excess = (high < 0 ? -high : high) - extent;
    double bits = costs->event_bits[costs->first[c] + (excess > 0 ? 2 * extent + 1 : high + extent)] + costs->shifts[c];
    if (excess > 0) {
        int gamma = -1;
        for (int32_t rest = excess; rest; rest >>= 1) gamma++;
        bits += 1 + (gamma + 1 < GAMMA_DIGITS ? gamma + 1 : GAMMA_DIGITS) + gamma;
    }
    return (float)bits;
}

/* The elements of a pass. Targets are those of blocks where[p] of grids of `blocks` blocks, `target_block` values apart;
   means those of outputs `units` values apart. */
typedef struct {
    int64_t n, positions, count;
    const int16_t *mean;
    int64_t units;
    const uint8_t *classes; /* (n, positions, count) */
    const int32_t *step;    /* (n, count) */
    const float *target;
    int64_t target_block, blocks;
    const int64_t *where;
    const uint8_t *inside; /* (n, blocks), or NULL: all; the others have no residuals */
    const float *lambda;   /* (n, blocks) */
    const float *element_weights; /* (count) */
    const int8_t *change;  /* (n, positions, count), or NULL: what is added to the residuals as rounded */
    float share, least_fraction, never, unit;
} aec_elements;

/* Residuals (n, positions, count). Where they are not NULL: bits (n, positions) that they take; margin and other (n,
   positions, count), what the best alternative would cost more, and how it differs. */
EXPORT void aec_choose(const aec_elements *e, const aec_costs *costs, int32_t *residual, float *bits, float *margin,
                       int8_t *other) {
    int64_t at = 0;
    const int16_t *mean = e->mean;
    for (int64_t i = 0; i < e->n; i++) {
        const int32_t *step = e->step + i * e->count;
        for (int64_t p = 0; p < e->positions; p++, mean += e->units) {
            int64_t block = i * e->blocks + e->where[p];
            const float *target = e->target + block * e->target_block;
            int shown = !e->inside || e->inside[block];
            double spent = 0;
            for (int64_t k = 0; k < e->count; k++, at++) {
                int32_t c = e->classes[at];
                float size = (float)step[k], scaled = size / e->unit;
                float exact = shown ? (target[k] - (float)mean[k]) / size : 0.0f;
                double weight = e->lambda[block] * e->element_weights[k] * (scaled * scaled);
                float bounded = exact < -MAX_RESIDUAL ? -MAX_RESIDUAL : exact > MAX_RESIDUAL ? MAX_RESIDUAL : exact;
                int32_t nearest = c < costs->skip ? 0 : (int32_t)rintf(bounded), chosen = nearest;
                if (nearest) {
                    int32_t smaller = nearest - (nearest > 0 ? 1 : -1);
                    float more = bits_of(costs, smaller, c) - bits_of(costs, nearest, c);
                    double a = (double)exact - smaller, b = (double)exact - nearest;
                    if (weight * (a * a - b * b) < -more * e->share) chosen = smaller;
                }
                if (margin) {
                    margin[at] = e->never;
                    other[at] = 0;
                    if (c >= costs->skip && fabsf(exact) > e->least_fraction) {
                        int32_t away = exact < 0 ? -1 : 1;
                        int32_t next = chosen != nearest ? nearest
                                       : nearest == 0    ? away
                                                         : nearest - (nearest > 0 ? 1 : -1);
                        float more = bits_of(costs, next, c) - bits_of(costs, chosen, c);
                        double a = (double)exact - next, b = (double)exact - chosen;
                        margin[at] = (float)(more + weight * (a * a - b * b));
                        other[at] = (int8_t)(next - chosen);
                    }
                }
                if (e->change) chosen = c < costs->skip ? 0 : chosen + e->change[at];
                residual[at] = chosen;
                if (bits) spent += bits_of(costs, chosen, c);
            }
            if (bits) *bits++ = (float)spent;
        }
    }
}
