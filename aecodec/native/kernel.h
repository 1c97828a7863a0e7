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
static TARGET void FN(tiles)(const aec_layer *layer, int segments, const int16_t *const *x, int64_t stride,
                             const int16_t *weight, int tiles, int32_t *sums) {
    int64_t tile = weights_of_tile(layer);
    switch (tiles) {
#if TILES > 2
        case 3: FN(sums)(x, segments, stride, layer->pairs, weight, tile, 3, sums); break;
#endif
#if TILES > 1
        case 2: FN(sums)(x, segments, stride, layer->pairs, weight, tile, 2, sums); break;
#endif
        default: FN(sums)(x, segments, stride, layer->pairs, weight, tile, 1, sums);
    }
}

/* How many tiles to take at once where so many are left. */
static inline int FN(together)(int left) {
    if (TILES > 2 && left == 4) return 2; /* two and two are faster than three and one */
    return left < TILES ? left : TILES;
}

/* One layer at up to POSITIONS positions. `added`, or NULL, and `out` are rows of `units` rounded up to whole tiles. */
static TARGET void FN(layer)(const aec_layer *layer, const int16_t *const *x, int64_t stride, int positions,
                             const int16_t *const *added, int16_t *const *out) {
    int32_t sums[POSITIONS * TILES * TILE], low[POSITIONS * TILES * TILE];
    int left = (layer->units + TILE - 1) / TILE;
    int64_t at = 0;
    for (int unit = 0; left > 0;) {
        int tiles = FN(together)(left);
        FN(tiles)(layer, layer->segments, x, stride, layer->weight + at, tiles, sums);
        if (layer->low) FN(tiles)(layer, layer->segments, x, stride, layer->low + at, tiles, low);
        for (int t = 0; t < tiles; t++, unit += TILE)
            for (int p = 0; p < positions; p++) {
                const int16_t *more = added ? added[p] + unit : NULL;
                int row = (p * tiles + t) * TILE;
                if (layer->low)
                    finish_split(layer, sums + row, low + row, unit, more, out[p] + unit);
                else
                    FINISH(layer, sums + row, unit, more, out[p] + unit);
            }
        at += tiles * weights_of_tile(layer);
        left -= tiles;
    }
}

/* The layers of a chain from number `first` on, at up to POSITIONS positions, whose outputs are rows `slot` and on. */
static __attribute__((noinline)) TARGET void FN(layers)(const aec_chain *chain, int first, const int16_t *const *inputs, const cursor *at,
                              int slot, int positions, const working_memory *room) {
    const int16_t *in[POSITIONS];
    for (int p = 0; p < POSITIONS; p++) in[p] = inputs[p < positions ? p : 0];
    for (int j = first; j < chain->count; j++) {
        const aec_layer *layer = &chain->layers[j];
        const int16_t *added[POSITIONS];
        int16_t *out[POSITIONS];
        for (int p = 0; p < POSITIONS; p++) {
            out[p] = row_of(chain, room, j, slot + p);
            if (layer->add >= 0) added[p] = row_of(chain, room, layer->add, slot + p);
            if (chain->earlier[j] && p < positions) added[p] = earlier_of(chain, j, at[p]);
        }
        const int16_t *const *more = layer->add >= 0 || chain->earlier[j] ? added : NULL;
        if (layer->wide)
            wide_layer(layer, in, chain->stride, positions, more, out);
        else
            FN(layer)(layer, in, chain->stride, positions, more, out);
        for (int p = 0; p < POSITIONS; p++) in[p] = out[p];
    }
    size_t size = (size_t)chain->layers[chain->count - 1].units * sizeof(int16_t);
    for (int p = 0; p < positions; p++) memcpy(chain->out + place_of(&chain->to, at[p]), in[p], size);
}

/* A chain at positions begin..end-1; only its first layer looks at neighbours. */
static TARGET void FN(direct)(const aec_chain *chain, int64_t begin, int64_t end, const working_memory *room) {
    cursor next = {begin % chain->from.count, begin / chain->from.count};
    for (int64_t from = begin; from < end; from += POSITIONS) {
        int positions = (int)(end - from < POSITIONS ? end - from : POSITIONS);
        const int16_t *in[POSITIONS];
        cursor at[POSITIONS];
        for (int p = 0; p < positions; p++, next = after(&chain->from, next)) {
            at[p] = next;
            in[p] = chain->grid + place_of(&chain->from, next);
        }
        FN(layers)(chain, 0, in, at, 0, positions, room);
    }
}

/* Winograd's algorithm --- */

typedef uint16_t FN(shorts) __attribute__((vector_size(4 * LANES), aligned(2), may_alias));
typedef uint32_t FN(longs) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

/* B'dB of a patch d of 4x4 positions, whose rows are `stride` values apart: 16 rows of inputs, `step` values apart. */
static inline TARGET void FN(transform)(const int16_t *patch, int64_t stride, int64_t inputs, int16_t *out,
                                        int64_t step) {
    for (int64_t c = 0; c < inputs; c += 2 * LANES) {
        FN(shorts) half[4][4];
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++) {
            const int16_t *from = patch + y * stride + c;
            FN(shorts) d0 = *(const FN(shorts) *)from, d1 = *(const FN(shorts) *)(from + inputs);
            FN(shorts) d2 = *(const FN(shorts) *)(from + 2 * inputs), d3 = *(const FN(shorts) *)(from + 3 * inputs);
            half[y][0] = d0 - d2;
            half[y][1] = d1 + d2;
            half[y][2] = d2 - d1;
            half[y][3] = d1 - d3;
        }
#pragma GCC unroll 4
        for (int x = 0; x < 4; x++) {
            int16_t *to = out + x * step + c;
            *(FN(shorts) *)to = half[0][x] - half[2][x];
            *(FN(shorts) *)(to + 4 * step) = half[1][x] + half[2][x];
            *(FN(shorts) *)(to + 8 * step) = half[2][x] - half[1][x];
            *(FN(shorts) *)(to + 12 * step) = half[1][x] - half[3][x];
        }
    }
}

/* A'mA for the units of a tile: from 16 products, `step` values apart, to the sums of 2x2 positions. */
static inline TARGET void FN(gather)(const int32_t *products, int64_t step, int32_t sums[4][TILE]) {
    for (int u = 0; u < TILE; u += LANES) {
        FN(longs) half[4][2];
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++) {
            const int32_t *from = products + 4 * y * step + u;
            FN(longs) m1 = *(const FN(longs) *)(from + step), m2 = *(const FN(longs) *)(from + 2 * step);
            half[y][0] = *(const FN(longs) *)from + m1 + m2;
            half[y][1] = m1 - m2 - *(const FN(longs) *)(from + 3 * step);
        }
#pragma GCC unroll 2
        for (int x = 0; x < 2; x++) {
            *(FN(longs) *)(sums[x] + u) = half[0][x] + half[1][x] + half[2][x];
            *(FN(longs) *)(sums[2 + x] + u) = half[1][x] - half[2][x] - half[3][x];
        }
    }
}

/* The products of the transformed inputs and weights of patches. Those of a run of tiles of units are together: by place,
   run of tiles, patch, tile and unit. */
static TARGET void FN(multiply)(const aec_layer *layer, int patches, const working_memory *room) {
    int64_t padded = padded_units(layer);
    for (int place = 0; place < PLACES; place++)
        for (int left = (int)(padded / TILE), tile = 0; left > 0;) {
            int tiles = FN(together)(left);
            const int16_t *weight = layer->weight + tile * weights_of_tile(layer) + place * layer->pairs * 2 * TILE;
            int32_t *products = room->products + place * room->product_step + tile * TILE * room->patches;
            for (int i = 0; i < patches; i += POSITIONS, products += POSITIONS * tiles * TILE) {
                const int16_t *x[POSITIONS];
                for (int p = 0; p < POSITIONS; p++) x[p] = room->inputs + place * room->input_step + (i + p) * room->row;
                FN(tiles)(layer, 1, x, 0, weight, tiles, products);
            }
            tile += tiles;
            left -= tiles;
        }
}

/* The first layer's outputs at the positions of patch i, as rows `slot` and on: those inside the grid, of `count`. */
static TARGET void FN(outputs)(const aec_chain *chain, int i, const cursor *at, const int *which, int count, int slot,
                               const working_memory *room) {
    const aec_layer *layer = &chain->layers[0];
    for (int left = (int)(padded_units(layer) / TILE), unit = 0; left > 0;) {
        int tiles = FN(together)(left);
        const int32_t *products = room->products + unit * room->patches + i * tiles * TILE;
        for (int t = 0; t < tiles; t++, unit += TILE) {
            int32_t sums[4][TILE];
            FN(gather)(products + t * TILE, room->product_step, sums);
            for (int p = 0; p < count; p++) {
                const int16_t *more = chain->earlier[0] ? earlier_of(chain, 0, at[p]) + unit : NULL;
                FINISH(layer, sums[which[p]], unit, more, row_of(chain, room, 0, slot + p) + unit);
            }
        }
        left -= tiles;
    }
}

/* A chain whose first layer is taken at all positions: patches begin..end-1. */
static TARGET void FN(winograd)(const aec_chain *chain, int64_t begin, int64_t end, const working_memory *room) {
    const aec_layer *layer = &chain->layers[0];
    patch next = patch_of(chain, begin), last = next;
    cursor at[BLOCK];
    int filled = 0;
    for (int64_t from = begin; from < end; from += room->patches) {
        int patches = (int)(end - from < room->patches ? end - from : room->patches);
        for (int i = 0; i < patches; i++, next = patch_after(chain, next)) {
            const int16_t *corner = chain->grid + next.grid * chain->from.grid + next.y * chain->stride;
            FN(transform)(corner + next.x * layer->inputs, chain->stride, layer->inputs, room->inputs + i * room->row,
                          room->input_step);
        }
        FN(multiply)(layer, patches, room);
        for (int i = 0; i < patches; i++, last = patch_after(chain, last)) {
            int which[4], count = positions_of(chain, last, at + filled, which);
            FN(outputs)(chain, i, at + filled, which, count, filled, room);
            filled += count;
            if (filled + 4 <= BLOCK && (i + 1 < patches || from + patches < end)) continue;
            for (int p = 0; p < filled; p += POSITIONS) {
                int positions = filled - p < POSITIONS ? filled - p : POSITIONS;
                const int16_t *in[POSITIONS];
                for (int q = 0; q < positions; q++) in[q] = row_of(chain, room, 0, p + q);
                FN(layers)(chain, 1, in, at + p, p, positions, room);
            }
            filled = 0;
        }
    }
}

static TARGET void FN(chain)(const aec_chain *chain, int64_t begin, int64_t end, const working_memory *room) {
    (chain->winograd ? FN(winograd) : FN(direct))(chain, begin, end, room);
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
