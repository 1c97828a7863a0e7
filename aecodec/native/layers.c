/* Exact integer layers. A layer computes what engines/network.py defines:

       y = (sum w x + bias) >> shift;  y += an earlier layer;  leaky;  clamp to +-limit

   Inputs and outputs are 16-bit integers. Where weights fit 16 bits too and the proven bound of the sums is below 2^31,
   products are added in pairs into 32 bits: exact in any order, on every processor. Where only the sums are larger,
   weights are taken in two parts of 8 bits, whose sums fit. Other layers add one by one into 64 bits. Which way a layer
   goes is decided from its bound when the model is loaded, never from data.

   Weights are packed as [tile of 16 units][segment][pair of inputs][unit][2]. A segment is a run of inputs that lies
   contiguous in memory: of a 3x3 neighbourhood three of them, one a row; of a vector the whole.

   A layer with a 3x3 kernel that is taken at all positions of a grid needs 16 products instead of 36 for 2x2 positions
   by Winograd's algorithm (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016):
   A'((GwG') * (B'dB))A of patches d of 4x4 inputs, which overlap by two. With 2G instead of G all of it is in integers,
   and gives four times the sums. What overflows on the way is lost again, as sums are taken modulo 2^32; the result
   fits, which is decided when the model is loaded. */

#include "aecodec.h"

enum { BLOCK = 8, MAX_LAYERS = 16, PLACES = 16, PATCHES = 16, LINE = 64 };

/* A position, counted through all grids: that number of that grid. Both places of a chain have the same counts. */
typedef struct {
    int64_t number, grid;
} cursor;

static inline int64_t place_of(const aec_places *places, cursor at) {
    return places->places[at.number] + at.grid * places->grid;
}

static inline cursor after(const aec_places *places, cursor at) {
    return at.number + 1 < places->count ? (cursor){at.number + 1, at.grid} : (cursor){0, at.grid + 1};
}

static inline int64_t padded_units(const aec_layer *layer) { return (layer->units + TILE - 1) / TILE * TILE; }

static inline int64_t weights_of_tile(const aec_layer *layer) { return layer->segments * layer->pairs * 2 * TILE; }

/* The memory that a run works in. rows: BLOCK rows of outputs of each layer. By Winograd's algorithm also, for so many
   patches at a time, `inputs`, rows of `row` values by place and patch, and `products`; from one place to the next are
   `input_step` and `product_step` values. */
typedef struct {
    int16_t *rows, *inputs;
    int32_t *products;
    int64_t row, patches, input_step, product_step;
} working_memory;

static inline int16_t *row_of(const aec_chain *chain, const working_memory *room, int number, int p) {
    int16_t *rows = room->rows;
    for (int j = 0; j < number; j++) rows += BLOCK * padded_units(&chain->layers[j]);
    return rows + p * padded_units(&chain->layers[number]);
}

static inline const int16_t *earlier_of(const aec_chain *chain, int number, cursor at) {
    return chain->earlier[number] + (at.number + at.grid * chain->to.count) * chain->layers[number].units;
}

/* Of a patch, the place in its grid of its first position; the inputs around it are those of a grid with a border. */
typedef struct {
    int64_t grid, y, x;
} patch;

static inline patch patch_of(const aec_chain *chain, int64_t number) {
    int64_t across = (chain->width + 1) / 2, each = across * ((chain->height + 1) / 2), own = number % each;
    return (patch){number / each, own / across * 2, own % across * 2};
}

static inline patch patch_after(const aec_chain *chain, patch at) {
    if (at.x + 2 < chain->width) return (patch){at.grid, at.y, at.x + 2};
    return at.y + 2 < chain->height ? (patch){at.grid, at.y + 2, 0} : (patch){at.grid + 1, 0, 0};
}

/* The positions of a patch that are inside the grid, and which of its four they are; returns how many. */
static inline int positions_of(const aec_chain *chain, patch here, cursor *at, int *which) {
    int count = 0;
    for (int p = 0; p < 4; p++) {
        int64_t y = here.y + p / 2, x = here.x + p % 2;
        if (y >= chain->height || x >= chain->width) continue;
        at[count] = (cursor){y * chain->width + x, here.grid};
        which[count++] = p;
    }
    return count;
}

/* From the sums of a tile's units, `unit` being the first, to outputs. */
static inline __attribute__((always_inline)) void finish(const aec_layer *layer, const int32_t *sums, int unit,
                                                         const int16_t *added, int16_t *out) {
    int32_t y[TILE];
    const int32_t *bias = layer->bias + unit, *shift = layer->shift + unit, *limit = layer->limit + unit;
    for (int u = 0; u < TILE; u++) y[u] = (sums[u] + bias[u]) >> shift[u];
    if (added) /* no overflow: sums are below 2^31 - 2^16: native_engine.NARROW_LIMIT */
        for (int u = 0; u < TILE; u++) y[u] += added[u];
    if (layer->leak == 8)
        for (int u = 0; u < TILE; u++) y[u] = y[u] > y[u] >> 3 ? y[u] : y[u] >> 3;
    else if (layer->leak)
        for (int u = 0; u < TILE; u++) y[u] = y[u] >= 0 ? y[u] : -((layer->leak - 1 - y[u]) / layer->leak);
    for (int u = 0; u < TILE; u++) {
        int32_t clamped = y[u] < limit[u] ? y[u] : limit[u];
        out[u] = (int16_t)(clamped > -limit[u] ? clamped : -limit[u]);
    }
}

/* The same from sums in two parts, 256 * high + low. */
static inline __attribute__((always_inline)) void finish_split(const aec_layer *layer, const int32_t *high,
                                                               const int32_t *low, int unit, const int16_t *added,
                                                               int16_t *out) {
    const int64_t *bias = layer->wide_bias + unit;
    const int32_t *shift = layer->shift + unit, *limit = layer->limit + unit;
    for (int u = 0; u < TILE; u++) {
        int64_t y = ((int64_t)high[u] * 256 + low[u] + bias[u]) >> shift[u];
        if (added) y += added[u];
        if (layer->leak && y < 0) y = -((layer->leak - 1 - y) / layer->leak);
        y = y < limit[u] ? y : limit[u];
        out[u] = (int16_t)(y > -limit[u] ? y : -limit[u]);
    }
}

static void wide_layer(const aec_layer *layer, const int16_t *const *x, int64_t stride, int positions,
                       const int16_t *const *added, int16_t *const *out) {
    for (int p = 0; p < positions; p++)
        for (int u = 0; u < layer->units; u++) {
            int64_t y = layer->wide_bias[u];
            const int32_t *weight = layer->wide_weight + u;
            for (int s = 0; s < layer->segments; s++)
                for (int i = 0; i < layer->inputs; i++, weight += layer->units) y += (int64_t)*weight * x[p][s * stride + i];
            y >>= layer->shift[u];
            if (added) y += added[p][u];
            if (layer->leak && y < 0) y = -((layer->leak - 1 - y) / layer->leak);
            int64_t limit = layer->limit[u];
            out[p][u] = (int16_t)(y > limit ? limit : y < -limit ? -limit : y);
        }
}

/* Instruction sets --- */

static volatile int32_t sink; /* what only the clock wants to know */

static inline int32_t pair_at(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return pair;
}

#if !defined(__wasm_simd128__) /* that path is there or the whole is not, and it has to be small */
/* What every compiler can make: halves of 32 bits are the two values of a pair, in the same order in both factors. */
typedef int32_t generic_vector __attribute__((vector_size(16)));
typedef uint32_t generic_modular __attribute__((vector_size(16))); /* may overflow: Winograd's algorithm */

static inline generic_vector generic_load(const void *p) {
    generic_vector v;
    memcpy(&v, p, sizeof v);
    return v;
}

#define FN(name) generic_##name
#define TARGET
#define VECTOR generic_modular
#define PAIR_VECTOR generic_vector
#define LANES 4
#define ZERO ((generic_modular){0})
#define PAIRS(p) generic_load(p)
#define SPREAD(p) ((generic_vector){0} + pair_at(p))
#define DOT(a, w, x) \
    ((a) + (generic_modular)(((w) >> 16) * ((x) >> 16)) + (generic_modular)((((w) << 16) >> 16) * (((x) << 16) >> 16)))
#define STORE(p, v) memcpy(p, &(v), sizeof(v))
#define KEEP(w) (void)(w)
#define POSITIONS 2
#define TILES 1
#include "kernel.h"

#endif

#if defined(__x86_64__)
#include <immintrin.h>

#define FN(name) sse2_##name
#define TARGET
#define VECTOR __m128i
#define PAIR_VECTOR __m128i
#define LANES 4
#define ZERO _mm_setzero_si128()
#define PAIRS(p) _mm_loadu_si128((const __m128i *)(p))
#define SPREAD(p) _mm_set1_epi32(pair_at(p))
#define DOT(a, w, x) _mm_add_epi32(a, _mm_madd_epi16(w, x))
#define STORE(p, v) _mm_storeu_si128((__m128i *)(p), v)
#define KEEP(w) __asm__ volatile("" : "+x"(w))
#define POSITIONS 2
#define TILES 1
#include "kernel.h"

#define FN(name) avx2_##name
#define TARGET __attribute__((target("avx2,bmi2")))
#define VECTOR __m256i
#define PAIR_VECTOR __m256i
#define LANES 8
#define ZERO _mm256_setzero_si256()
#define PAIRS(p) _mm256_loadu_si256((const __m256i *)(p))
#define SPREAD(p) _mm256_set1_epi32(pair_at(p))
#define DOT(a, w, x) _mm256_add_epi32(a, _mm256_madd_epi16(w, x))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define KEEP(w) __asm__ volatile("" : "+x"(w))
#define POSITIONS 4
#define TILES 1
#define FINISH avx2_finish
static inline TARGET void avx2_finish(const aec_layer *layer, const int32_t *sums, int unit, const int16_t *added,
                                      int16_t *out) {
    if (layer->leak && layer->leak != 8) {
        finish(layer, sums, unit, added, out);
        return;
    }
    __m256i y[2];
    for (int half = 0; half < 2; half++) {
        int at = unit + 8 * half;
        __m256i limit = PAIRS(layer->limit + at);
        y[half] = _mm256_srav_epi32(_mm256_add_epi32(PAIRS(sums + 8 * half), PAIRS(layer->bias + at)),
                                    PAIRS(layer->shift + at));
        if (added)
            y[half] = _mm256_add_epi32(y[half],
                                       _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(added + 8 * half))));
        if (layer->leak) y[half] = _mm256_max_epi32(y[half], _mm256_srai_epi32(y[half], 3));
        y[half] = _mm256_max_epi32(_mm256_min_epi32(y[half], limit), _mm256_sub_epi32(ZERO, limit));
    }
    STORE(out, _mm256_permute4x64_epi64(_mm256_packs_epi32(y[0], y[1]), 0xD8));
}
#include "kernel.h"

#define FN(name) avx512_##name
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,bmi2")))
#define VECTOR __m512i
#define PAIR_VECTOR __m512i
#define LANES 16
#define ZERO _mm512_setzero_si512()
#define PAIRS(p) _mm512_loadu_si512(p)
#define SPREAD(p) _mm512_set1_epi32(pair_at(p))
#define DOT(a, w, x) _mm512_dpwssd_epi32(a, w, x)
#define STORE(p, v) _mm512_storeu_si512(p, v)
#define KEEP(w) __asm__ volatile("" : "+v"(w))
#define POSITIONS 8
#define TILES 3
#define FINISH avx512_finish
static inline TARGET void avx512_finish(const aec_layer *layer, const int32_t *sums, int unit, const int16_t *added,
                                        int16_t *out) {
    if (layer->leak && layer->leak != 8) {
        finish(layer, sums, unit, added, out);
        return;
    }
    __m512i limit = PAIRS(layer->limit + unit);
    __m512i y = _mm512_srav_epi32(_mm512_add_epi32(PAIRS(sums), PAIRS(layer->bias + unit)), PAIRS(layer->shift + unit));
    if (added) y = _mm512_add_epi32(y, _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)added)));
    if (layer->leak) y = _mm512_max_epi32(y, _mm512_srai_epi32(y, 3));
    y = _mm512_max_epi32(_mm512_min_epi32(y, limit), _mm512_sub_epi32(ZERO, limit));
    _mm256_storeu_si256((__m256i *)out, _mm512_cvtepi32_epi16(y));
}
#include "kernel.h"

#elif defined(__aarch64__)
#include <arm_neon.h>

static inline int32x4_t neon_dot(int32x4_t sum, int16x8_t w, int16x8_t x) {
    int32x4_t low = vmull_s16(vget_low_s16(w), vget_low_s16(x));
    return vaddq_s32(sum, vpaddq_s32(low, vmull_high_s16(w, x)));
}

#define FN(name) neon_##name
#define TARGET
#define VECTOR int32x4_t
#define PAIR_VECTOR int16x8_t
#define LANES 4
#define ZERO vdupq_n_s32(0)
#define PAIRS(p) vld1q_s16(p)
#define SPREAD(p) vreinterpretq_s16_s32(vdupq_n_s32(pair_at(p)))
#define DOT(a, w, x) neon_dot(a, w, x)
#define STORE(p, v) vst1q_s32(p, v)
#define KEEP(w) __asm__ volatile("" : "+w"(w))
#define POSITIONS 4
#define TILES 1
#include "kernel.h"

#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>

#define FN(name) wasm_##name
#define TARGET
#define VECTOR v128_t
#define PAIR_VECTOR v128_t
#define LANES 4
#define ZERO wasm_i32x4_splat(0)
#define PAIRS(p) wasm_v128_load(p)
#define SPREAD(p) wasm_i32x4_splat(pair_at(p))
#define DOT(a, w, x) wasm_i32x4_add(a, wasm_i32x4_dot_i16x8(w, x))
#define STORE(p, v) wasm_v128_store(p, v)
#define KEEP(w) (void)(w)
#define POSITIONS 2
#define TILES 1
#include "kernel.h"
#endif

typedef void (*chain_function)(const aec_chain *, int64_t, int64_t, const working_memory *);

typedef struct {
    const char *name;
    chain_function chain;
    int64_t (*peak)(int64_t);
} path;

#if defined(__x86_64__)
#include <cpuid.h>

/* The bits of the vector registers that this processor and its system have, with the instructions that the paths need.
   Asked of the processor: what some compilers' libraries say (__builtin_cpu_supports of zig) is not reliable. */
static int processor_registers(void) {
    enum { OSXSAVE = 1 << 27, AVX = 1 << 28, YMM = 0x06, ZMM = 0xE6 };
    enum { AVX2 = 1 << 5, BMI2 = 1 << 8, AVX512F = 1 << 16, AVX512DQ = 1 << 17, AVX512BW = 1 << 30, VNNI = 1 << 11 };
    const unsigned avx512vl = 1u << 31, avx512 = AVX512F | AVX512DQ | AVX512BW | avx512vl;
    unsigned a, b, c, d, saved, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & (OSXSAVE | AVX)) != (OSXSAVE | AVX)) return 128;
    __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0)); /* the registers that the system saves */
    if ((saved & YMM) != YMM || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & AVX2) || !(b & BMI2)) return 128;
    return (saved & ZMM) == ZMM && (b & avx512) == avx512 && (c & VNNI) ? 512 : 256;
}
#endif

/* The paths that this processor can go, the fastest first; a name of NULL ends them. */
static const path *paths(void) {
    static path found[5];
    if (found[0].name) return found;
    path all[5];
    int count = 0;
#if defined(__x86_64__)
    int registers = processor_registers();
    if (registers >= 512) all[count++] = (path){"avx512-vnni", avx512_chain, avx512_peak};
    if (registers >= 256) all[count++] = (path){"avx2", avx2_chain, avx2_peak};
    all[count++] = (path){"sse2", sse2_chain, sse2_peak};
#elif defined(__aarch64__)
    all[count++] = (path){"neon", neon_chain, neon_peak};
#elif defined(__wasm_simd128__)
    all[count++] = (path){"wasm-simd", wasm_chain, wasm_peak};
#endif
#if !defined(__wasm_simd128__)
    all[count++] = (path){"generic", generic_chain, generic_peak};
#endif
    all[count] = (path){NULL, NULL, NULL};
    for (int i = count; i >= 0; i--) found[i] = all[i]; /* the first last: it says that the others are there */
    return found;
}

#ifndef AECODEC_SOURCES
#define AECODEC_SOURCES 0
#endif

/* The CRC-32 of the sources, by which a library that was built of others is refused. */
EXPORT uint32_t aec_sources(void) { return AECODEC_SOURCES; }

/* The name of the path of that number, or NULL. */
EXPORT const char *aec_path(int number) {
    const path *all = paths();
    for (int i = 0; i < number; i++)
        if (!all[i].name) return NULL;
    return all[number].name;
}

EXPORT int aec_run(const aec_chain *chain, int number, int64_t begin, int64_t end) {
    const aec_layer *first = &chain->layers[0];
    working_memory room = {NULL};
    size_t rows = TILE, inputs = 0, products = 0;
    for (int j = 0; j < chain->count; j++) rows += (size_t)(BLOCK * padded_units(&chain->layers[j]));
    if (chain->winograd) {
        room.row = (first->inputs + 2 * TILE - 1) / (2 * TILE) * 2 * TILE;
        room.patches = end - begin < PATCHES ? (end - begin + BLOCK - 1) / BLOCK * BLOCK : PATCHES;
        /* Steps that are multiples of 4096 bytes would have all places compete for the same lines of the cache. */
        room.input_step = room.patches * room.row + LINE / (int64_t)sizeof(int16_t);
        room.product_step = room.patches * padded_units(first) + LINE / (int64_t)sizeof(int32_t);
        inputs = (size_t)(PLACES * room.input_step);
        products = (size_t)(PLACES * room.product_step);
    }
    char *memory = calloc(1, (rows + inputs) * sizeof(int16_t) + products * sizeof(int32_t) + LINE);
    if (!memory) return NO_MEMORY;
    room.products = (int32_t *)(memory + LINE - (uintptr_t)memory % LINE);
    room.inputs = (int16_t *)(room.products + products);
    room.rows = room.inputs + inputs;
    paths()[number].chain(chain, begin, end, &room);
    free(memory);
    return DONE;
}

/* The peak of that path for a benchmark: the number of multiply-adds done in registers. */
EXPORT int64_t aec_peak(int number, int64_t loops) { return paths()[number].peak(loops); }

/* Copy grids (n, h, w, channels), whose rows and columns are `row` and `column` values apart, into out
   (n, h + 2, w + 2, channels) with a border of zeros. */
EXPORT void aec_frame(const int16_t *x, int64_t n, int64_t h, int64_t w, int64_t channels, int64_t grid, int64_t row,
                      int64_t column, int16_t *out) {
    size_t line = (size_t)((w + 2) * channels) * sizeof(int16_t), side = (size_t)channels * sizeof(int16_t);
    for (int64_t i = 0; i < n; i++) {
        memset(out, 0, line);
        out += (w + 2) * channels;
        for (int64_t y = 0; y < h; y++) {
            const int16_t *from = x + i * grid + y * row;
            memset(out, 0, side);
            out += channels;
            if (column == channels) {
                memcpy(out, from, (size_t)w * side);
                out += w * channels;
            } else
                for (int64_t k = 0; k < w; k++, out += channels) memcpy(out, from + k * column, side);
            memset(out, 0, side);
            out += channels;
        }
        memset(out, 0, line);
        out += (w + 2) * channels;
    }
}
