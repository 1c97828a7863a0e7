/* The layers of a network, once for each instruction set: layers.c defines the macros below and includes this file.

   FN(name)        the name of a function for this instruction set
   TARGET          attributes of those functions
   VECTOR          LANES sums of 32 bits
   PAIR_VECTOR     LANES pairs of 16 bits
   PAIRS(p)        the weights of LANES units, two inputs each
   SPREAD(p)       two inputs, the same for all lanes
   DOT(a, w, x)    a + w[0] * x[0] + w[1] * x[1] in each lane
   KEEP(w)         makes the compiler forget what it knows of w
   POSITIONS       positions, and TILES tiles of 16 units, whose sums are held in registers at once
   FINISH          from sums to outputs, where that is worth instructions of its own */

#define PER_TILE (TILE / LANES)
#ifndef FINISH
#define FINISH finish
#endif

/* Sums of POSITIONS positions for `tiles` tiles of units. The inputs of a position are `segments` runs of 2 * pairs
   values, `stride` values apart. */
static inline __attribute__((always_inline)) TARGET void FN(sums)(const int16_t *const *x, int segments, int64_t stride,
                                                                 int64_t pairs, const int16_t *weight, int64_t tile,
                                                                 const int tiles, int32_t *sums) {
    VECTOR sum[POSITIONS][TILES * PER_TILE];
    for (int p = 0; p < POSITIONS; p++)
        for (int u = 0; u < tiles * PER_TILE; u++) sum[p][u] = ZERO;
    for (int s = 0; s < segments; s++) {
        const int16_t *in[POSITIONS];
        for (int p = 0; p < POSITIONS; p++) in[p] = x[p] + s * stride;
        for (int64_t k = 0; k < pairs; k++, weight += 2 * TILE) {
            PAIR_VECTOR w[TILES * PER_TILE];
            for (int u = 0; u < tiles * PER_TILE; u++)
                w[u] = PAIRS(weight + u / PER_TILE * tile + u % PER_TILE * 2 * LANES);
            for (int p = 0; p < POSITIONS; p++) {
                PAIR_VECTOR pair = SPREAD(in[p] + 2 * k);
                for (int u = 0; u < tiles * PER_TILE; u++) sum[p][u] = DOT(sum[p][u], w[u], pair);
            }
        }
    }
    for (int p = 0; p < POSITIONS; p++)
        for (int u = 0; u < tiles * PER_TILE; u++) STORE(sums + (p * tiles * PER_TILE + u) * LANES, sum[p][u]);
}

/* The sums of a few tiles, for a number of tiles that the compiler does not know. */
static TARGET void FN(tiles)(const aec_layer *layer, const int16_t *const *x, int64_t stride, const int16_t *weight,
                             int tiles, int32_t *sums) {
    int64_t tile = (int64_t)layer->segments * layer->pairs * 2 * TILE; /* weights of a tile */
    switch (tiles) {
#if TILES > 2
        case 3: FN(sums)(x, layer->segments, stride, layer->pairs, weight, tile, 3, sums); break;
#endif
#if TILES > 1
        case 2: FN(sums)(x, layer->segments, stride, layer->pairs, weight, tile, 2, sums); break;
#endif
        default: FN(sums)(x, layer->segments, stride, layer->pairs, weight, tile, 1, sums);
    }
}

/* One layer at up to POSITIONS positions. `added`, or NULL, and `out` are rows of `units` rounded up to whole tiles. */
static TARGET void FN(layer)(const aec_layer *layer, const int16_t *const *x, int64_t stride, int positions,
                             const int16_t *const *added, int16_t *const *out) {
    int32_t sums[POSITIONS * TILES * TILE], low[POSITIONS * TILES * TILE];
    int left = (layer->units + TILE - 1) / TILE;
    int64_t at = 0, tile = (int64_t)layer->segments * layer->pairs * 2 * TILE;
    for (int unit = 0; left > 0;) {
        int tiles = left < TILES ? left : TILES;
        if (TILES > 2 && left == 4) tiles = 2; /* two and two are faster than three and one */
        FN(tiles)(layer, x, stride, layer->weight + at, tiles, sums);
        if (layer->low) FN(tiles)(layer, x, stride, layer->low + at, tiles, low);
        for (int t = 0; t < tiles; t++, unit += TILE)
            for (int p = 0; p < positions; p++) {
                const int16_t *more = added ? added[p] + unit : NULL;
                int row = (p * tiles + t) * TILE;
                if (layer->low)
                    finish_split(layer, sums + row, low + row, unit, more, out[p] + unit);
                else
                    FINISH(layer, sums + row, unit, more, out[p] + unit);
            }
        at += tiles * tile;
        left -= tiles;
    }
}

/* A chain of layers, of which only the first looks at neighbours, at positions begin..end-1. */
static TARGET void FN(chain)(const aec_chain *chain, int64_t begin, int64_t end, int16_t *rows) {
    int64_t row[MAX_LAYERS + 1] = {0};
    for (int j = 0; j < chain->count; j++) row[j + 1] = row[j] + BLOCK * padded_units(&chain->layers[j]);
    cursor at = {begin % chain->from.count, begin / chain->from.count};
    for (int64_t from = begin; from < end; from += POSITIONS) {
        int positions = (int)(end - from < POSITIONS ? end - from : POSITIONS);
        const int16_t *in[POSITIONS] = {chain->grid};
        int16_t *to[POSITIONS];
        for (int p = 0; p < positions; p++, at = after(&chain->from, at)) {
            in[p] = chain->grid + place_of(&chain->from, at);
            to[p] = chain->out + place_of(&chain->to, at);
        }
        for (int p = positions; p < POSITIONS; p++) in[p] = in[0];
        for (int j = 0; j < chain->count; j++) {
            const aec_layer *layer = &chain->layers[j];
            int64_t width = padded_units(layer);
            const int16_t *added[POSITIONS];
            int16_t *out[POSITIONS];
            for (int p = 0; p < POSITIONS; p++) {
                out[p] = rows + row[j] + p * width;
                if (layer->add >= 0) added[p] = rows + row[layer->add] + p * width;
                if (chain->earlier[j] && p < positions) added[p] = chain->earlier[j] + (from + p) * layer->units;
            }
            const int16_t *const *more = layer->add >= 0 || chain->earlier[j] ? added : NULL;
            if (layer->wide)
                wide_layer(layer, in, chain->stride, positions, more, out);
            else
                FN(layer)(layer, in, chain->stride, positions, more, out);
            for (int p = 0; p < POSITIONS; p++) in[p] = out[p];
        }
        int64_t units = chain->layers[chain->count - 1].units;
        for (int p = 0; p < positions; p++) memcpy(to[p], in[p], units * sizeof(int16_t));
    }
}

/* Add products of values in registers, `loops` times as many as there are sums; returns the number of multiply-adds. */
static TARGET int64_t FN(peak)(int64_t loops) {
    enum { SUMS = POSITIONS * PER_TILE * TILES };
    VECTOR sum[SUMS];
    int16_t values[2 * TILE];
    for (int i = 0; i < 2 * TILE; i++) values[i] = (int16_t)(i + loops);
    PAIR_VECTOR w = PAIRS(values), x = SPREAD(values);
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++) sum[i] = ZERO;
    for (int64_t k = 0; k < loops; k++)
#pragma GCC unroll 24
        for (int i = 0; i < SUMS; i++) {
            KEEP(w); /* the compiler must not multiply once and for all */
            sum[i] = DOT(sum[i], w, x);
            KEEP(sum[i]); /* nor write the sums to memory */
        }
    int32_t lanes[LANES], found = 0;
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++) {
        STORE(lanes, sum[i]);
        found ^= lanes[0];
    }
    sink = found;
    return loops * SUMS * LANES * 2;
}

#undef PER_TILE
#undef FN
#undef TARGET
#undef VECTOR
#undef PAIR_VECTOR
#undef LANES
#undef ZERO
#undef PAIRS
#undef SPREAD
#undef DOT
#undef STORE
#undef KEEP
#undef POSITIONS
#undef TILES
#undef FINISH
