/* What the parts of the native library share. Python checks every shape and range before it calls. */

#ifndef AECODEC_H
#define AECODEC_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* What functions return; native/__init__.py knows the same numbers. */
enum { DONE = 0, NO_MEMORY = -1, TRUNCATED = -2, OUT_OF_RANGE = -3, BAD_CLASS = -4, SKIPPED = -5 };

/* Layers, as layers.c runs them --- */

enum { TILE = 16, NOTHING = -1 };

typedef struct {
    int32_t segments, units;
    int64_t pairs;           /* of a segment; an odd last input has a partner of weight zero */
    int32_t add, leak;       /* the number of the layer to add, or NOTHING; the divisor of negative sums, or 0 */
    int32_t wide, inputs;    /* wide: sums in 64 bits, of `inputs` inputs a segment */
    const int16_t *weight;   /* packed */
    const int16_t *low;      /* packed, or NULL: weights are 256 * weight + low, and sums have 64 bits */
    const int32_t *wide_weight; /* (segments * inputs, units) */
    const int64_t *wide_bias;   /* (units rounded up to tiles) */
    const int32_t *bias, *shift, *limit; /* (units rounded up to tiles) */
} aec_layer;

/* Positions are counted through all grids: i is position i % count of grid i / count. */
typedef struct {
    const int64_t *places; /* of the positions of one grid, in values */
    int64_t count, grid;   /* positions of a grid; values from one grid to the next */
} aec_places;

/* By Winograd's algorithm the first layer is taken at all positions of grids of `height` x `width`: its segments are the
   16 places of a transformed patch, and its bias and shift are for four times the sums. */
typedef struct {
    int32_t count, winograd;
    const aec_layer *layers;
    const int16_t *const *earlier; /* of each layer: outputs at all positions of an earlier chain, to add, or NULL */
    const int16_t *grid;
    int64_t stride; /* values from one segment of the first layer to the next */
    aec_places from;
    int16_t *out;
    aec_places to;
    int64_t height, width; /* by Winograd's algorithm, where `from` has no places */
} aec_chain;

/* Run a chain by the path of that number at positions, or by Winograd's algorithm at patches, begin..end-1, counted
   through all grids. */
EXPORT int aec_run(const aec_chain *chain, int number, int64_t begin, int64_t end);

/* The tables of packing.c, and the residuals of the next pass of one stream or more. */
typedef struct aec_tables aec_tables;
EXPORT int aec_rans_read(const aec_tables *tables, const uint8_t *data, int64_t *positions, const int64_t *ends,
                         uint32_t *states, int64_t lanes, int64_t streams, const uint8_t *classes, int64_t elements,
                         int32_t *residuals, int64_t *failed);

#endif
