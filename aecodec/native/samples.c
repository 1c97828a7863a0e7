/* The lossless stage of models/causal.py, for the pixels of panels of one size, step by step. Encoding and decoding
   differ only in where a channel's samples come from. */

#include "aecodec.h"

enum {
    MOST_CHANNELS = 3,
    ERRORS_NEAR = 6,
    LEVELS = 10,
    MIDDLE = 128,
    MOST_QUARTERS = 4 * 255,
    ACTIVATION = 1023,
    SCALES = 32,
    SCALES_PER_OCTAVE = 3,
    SKEW = 2,
    EDGE = 3
};

typedef struct {
    const aec_layer *layers;
    int64_t count, units; /* layers, and outputs of the last */
} network;

typedef struct {
    int64_t panels, height, width, channels, coded; /* coded: 1 in a gray picture, whose channels are equal */
    int64_t reach, window, linear_window, inputs;
    const int64_t *taps;   /* (window, 2) rows down and columns to the right */
    const int64_t *inner;  /* (linear_window) the neighbours of the linear prediction, as numbers in the window */
    const int32_t *linear; /* (linear_window * channels + channels, channels) */
    const network *networks; /* the trunk, then one for each channel */
    int64_t max_error, offset; /* offset: what it adds to a scale */
    int64_t tile_height, tile_width; /* 0 without tiles */
    int64_t path;
    uint8_t *samples; /* (panels, height + reach, width + 2 reach, channels), zeros around each panel */
    int16_t *errors;  /* the same */
} aec_stage;

/* What a decoder reads from: a stream of the packing rans for each panel, or one for all of them. */
typedef struct {
    const aec_tables *tables;
    const uint8_t *data;
    int64_t *positions;
    const int64_t *ends;
    uint32_t *states;
    int64_t lanes, count;
    int64_t failed; /* the stream in which an error was found */
} aec_streams;

/* The pixels of a step, and room for what is known of them. */
typedef struct {
    int64_t count, row; /* row: values of a row of `hidden` */
    int64_t *at;        /* in `samples`, in pixels */
    int16_t *inputs, *hidden, *output;
    int64_t *from, *to; /* where rows of inputs, and of `hidden`, begin */
    int64_t *small;     /* where rows of `output` begin */
    int32_t *near, *base, *level, *mean, *linear, *residual;
    uint8_t *classes;
} step_room;

static inline int32_t clamped(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

static inline int32_t active(int32_t value) { return clamped(value, -ACTIVATION, ACTIVATION); }

static inline int32_t bits_of(uint32_t value) {
    int32_t bits = 0;
    while (value) value >>= 1, bits++;
    return bits;
}

/* Everything that is known of pixel (y, x) of a panel before it is decoded, as row p of the step. */
static void look_around(const aec_stage *s, step_room *r, int64_t p, int64_t panel, int64_t y, int64_t x) {
    int64_t channels = s->channels, line = s->width + 2 * s->reach;
    int64_t at = (panel * (s->height + s->reach) + y + s->reach) * line + x + s->reach;
    const uint8_t *samples = s->samples + at * channels;
    const int16_t *errors = s->errors + at * channels;
    int32_t *base = r->base + p * channels, *near = r->near + p * s->linear_window * channels;
    int32_t window[81 * MOST_CHANNELS]; /* more than any window of reach 4 has */
    for (int64_t c = 0; c < channels; c++) {
        int32_t left = samples[c - channels], above = samples[c - line * channels];
        int32_t corner = samples[c - (line + 1) * channels];
        if (x && y) {
            int32_t smaller = left < above ? left : above, larger = left < above ? above : left;
            base[c] = left + above - corner;
            base[c] = clamped(base[c], smaller, larger);
        } else
            base[c] = x ? left : y ? above : MIDDLE;
    }
    int inside = y >= s->reach && x >= s->reach && x + s->reach < s->width;
    for (int64_t k = 0; k < s->window; k++) {
        int64_t dy = s->taps[2 * k], dx = s->taps[2 * k + 1];
        int known = inside || (y + dy >= 0 && x + dx >= 0 && x + dx < s->width);
        const uint8_t *other = samples + (dy * line + dx) * channels;
        for (int64_t c = 0; c < channels; c++) window[k * channels + c] = known ? other[c] - base[c] : 0;
    }
    for (int64_t k = 0; k < s->linear_window; k++)
        for (int64_t c = 0; c < channels; c++) *near++ = window[s->inner[k] * channels + c];
    static const int8_t error_taps[ERRORS_NEAR][2] = {{0, -1}, {-1, 0}, {-1, 1}, {-1, -1}, {0, -2}, {-2, 0}};
    int32_t off[ERRORS_NEAR * MOST_CHANNELS], sum = 0;
    for (int64_t k = 0, i = 0; k < ERRORS_NEAR; k++)
        for (int64_t c = 0; c < channels; c++, i++) {
            off[i] = errors[(error_taps[k][0] * line + error_taps[k][1]) * channels + c];
            sum += off[i] < 0 ? -off[i] : off[i];
        }
    int32_t level = bits_of((uint32_t)(sum / (3 * (int32_t)channels) + 1)) - 1;
    if (level > LEVELS - 1) level = LEVELS - 1;
    r->level[p] = level;
    r->at[p] = at;
    int16_t *to = r->inputs + p * s->inputs;
    for (int64_t i = 0; i < s->window * channels; i++) *to++ = (int16_t)active(window[i] * 128 >> level);
    for (int64_t i = 0; i < ERRORS_NEAR * channels; i++) *to++ = (int16_t)active(off[i] * 64 >> level);
    for (int64_t c = 0; c < channels; c++) *to++ = (int16_t)((base[c] - MIDDLE) * 2);
    int64_t distances[3] = {x, y, s->width - 1 - x};
    for (int i = 0; i < 3; i++) *to++ = (int16_t)((distances[i] < EDGE ? distances[i] : EDGE) * 32);
    *to++ = (int16_t)(level * 32 - 96);
    *to++ = (int16_t)(bits_of((uint32_t)s->max_error) * 64);
    if (s->tile_height) {
        *to++ = (int16_t)active((int32_t)(y % s->tile_height - s->tile_height / 2) * 8);
        *to++ = (int16_t)active((int32_t)(x % s->tile_width - s->tile_width / 2) * 8);
    }
}

static int run(const aec_stage *s, int64_t number, const int16_t *in, const int64_t *from, int16_t *out,
               const int64_t *to, int64_t count) {
    const network *net = s->networks + number;
    const int16_t *earlier[16] = {NULL};
    aec_chain chain = {.count = (int32_t)net->count, .layers = net->layers, .earlier = earlier, .grid = in,
                       .from = {from, count, 0}, .out = out, .to = {to, count, 0}};
    return aec_run(&chain, (int)s->path, 0, count);
}

/* Linear predictions, means and classes of a channel; the channels before it are decoded. */
static int predict(const aec_stage *s, step_room *r, int64_t channel) {
    int64_t channels = s->channels, taps = s->linear_window * channels, units = s->networks[0].units;
    const int32_t *weight = s->linear + channel;
    for (int64_t p = 0; p < r->count; p++) {
        const int32_t *near = r->near + p * taps, *base = r->base + p * channels;
        const uint8_t *decoded = s->samples + r->at[p] * channels;
        const int16_t *errors = s->errors + r->at[p] * channels;
        int32_t sum = 8, level = r->level[p];
        for (int64_t i = 0; i < taps; i++) sum += near[i] * weight[i * channels];
        int16_t *more = r->hidden + p * r->row + units + 1;
        for (int64_t k = 0; k < channel; k++) {
            sum += (decoded[k] - base[k]) * weight[(taps + k) * channels];
            *more++ = (int16_t)active(errors[k] * 64 >> level);
            *more++ = (int16_t)active(errors[k] * 32);
        }
        r->linear[p] = clamped(4 * base[channel] + (sum >> 4), 0, MOST_QUARTERS);
        r->hidden[p * r->row + units] = (int16_t)active((r->linear[p] - 4 * base[channel]) * 32 >> level);
    }
    int error = run(s, 1 + channel, r->hidden, r->to, r->output, r->small, r->count);
    if (error) return error;
    for (int64_t p = 0; p < r->count; p++) {
        const int16_t *output = r->output + r->small[p], *errors = s->errors + r->at[p] * channels;
        /* 1023 * 2^10 + 2 * 255 * 1020 < 2^21 */
        int32_t added = output[0] * (2 << r->level[p]);
        for (int64_t k = 0; k < channel; k++) added += output[2 + k] * errors[k];
        r->mean[p] = clamped(r->linear[p] + (added >> 6), 0, MOST_QUARTERS);
        int32_t scale = output[1] + SCALES_PER_OCTAVE * r->level[p] + (int32_t)s->offset;
        int32_t outer = s->max_error ? 0 : (r->mean[p] + 1) >> 1 & 1;
        r->classes[p] = (uint8_t)(2 * clamped(scale, 0, SCALES - 1) + outer);
    }
    return DONE;
}

/* Steps that can be needed downwards and upwards, mirrored where the mean lies below its nearest sample. */
typedef struct {
    int32_t centre, low, high, near, sign;
} span;

static inline span reach_of(int32_t mean, int32_t max_error) {
    int32_t centre = (mean + 2) >> 2, step = 2 * max_error + 1;
    int32_t down = (centre + max_error) / step, up = (255 - centre + max_error) / step;
    span found = {centre, down, up, 0, 1};
    if ((mean & 3) >= 2) found = (span){centre, up, down, 0, -1};
    found.near = found.low < found.high ? found.low : found.high;
    return found;
}

static inline int32_t residual_of(int32_t target, int32_t mean, int32_t max_error) {
    span reach = reach_of(mean, max_error);
    int32_t step = 2 * max_error + 1, distance = target - reach.centre + max_error;
    int32_t steps = distance >= 0 ? distance / step : -((step - 1 - distance) / step);
    steps *= reach.sign;
    int32_t beyond = (steps < 0 ? -steps : steps) - reach.near;
    int32_t side = reach.near + ((beyond + 1) >> 1);
    return beyond <= 0 ? steps : beyond & 1 ? side : -side;
}

static inline int32_t sample_of(int32_t residual, int32_t mean, int32_t max_error) {
    span reach = reach_of(mean, max_error);
    int32_t beyond = (residual < 0 ? -residual : residual) - reach.near;
    int32_t away = reach.near + 2 * beyond - (residual > 0);
    int32_t steps = beyond <= 0 ? residual : reach.high > reach.low ? away : -away;
    /* (2^21 + 255) * 511 < 2^31 */
    return clamped(reach.centre + steps * reach.sign * (2 * max_error + 1), 0, 255);
}

static void *part(char **memory, size_t bytes) {
    void *found = *memory;
    *memory += (bytes + 7) / 8 * 8;
    return found;
}

/* Code the pixels of panels. Decoding, `streams` are given; encoding, `targets` (panels, height, width, channels), and
   classes and residuals (panels, height * width * coded) are written in the order of coding. */
EXPORT int aec_code_samples(const aec_stage *s, aec_streams *streams, const uint8_t *targets, uint8_t *classes,
                            int32_t *residuals) {
    int64_t most = (s->width + SKEW - 1) / SKEW, channels = s->channels, taps = s->linear_window * channels;
    int64_t pixels = s->height * s->width, done = 0;
    if (most > s->height) most = s->height;
    most *= s->panels;
    step_room r = {.row = s->networks[0].units + 1 + 2 * channels};
    size_t n = (size_t)most;
    size_t wide = n * ((size_t)taps + (size_t)channels + 4) * sizeof(int32_t) + 4 * n * sizeof(int64_t);
    size_t rows = n * ((size_t)s->inputs + (size_t)r.row + 2 + (size_t)channels) * sizeof(int16_t);
    char *memory = calloc(wide + rows + n + 64 * 16, 1), *at = memory;
    if (!memory) return NO_MEMORY;
    r.at = part(&at, n * sizeof(int64_t));
    r.from = part(&at, n * sizeof(int64_t));
    r.to = part(&at, n * sizeof(int64_t));
    r.small = part(&at, n * sizeof(int64_t));
    r.near = part(&at, n * (size_t)taps * sizeof(int32_t));
    r.base = part(&at, n * (size_t)channels * sizeof(int32_t));
    r.level = part(&at, n * sizeof(int32_t));
    r.mean = part(&at, n * sizeof(int32_t));
    r.linear = part(&at, n * sizeof(int32_t));
    r.residual = part(&at, n * sizeof(int32_t));
    r.inputs = part(&at, (n * (size_t)s->inputs + 2) * sizeof(int16_t)); /* an odd last input is read with the next */
    r.hidden = part(&at, (n * (size_t)r.row + 2) * sizeof(int16_t));
    r.output = part(&at, n * (size_t)(1 + channels) * sizeof(int16_t));
    r.classes = part(&at, n);
    for (int64_t p = 0; p < most; p++) r.from[p] = p * s->inputs, r.to[p] = p * r.row;
    int32_t max_error = (int32_t)s->max_error;
    int error = DONE;
    for (int64_t t = 0; t < s->width + SKEW * (s->height - 1) && !error; t++) {
        int64_t first = t < s->width ? 0 : (t - s->width) / SKEW + 1, last = t / SKEW;
        if (last > s->height - 1) last = s->height - 1;
        int64_t own = last - first + 1; /* pixels of a panel */
        if (own <= 0) continue;
        r.count = s->panels * own;
        for (int64_t k = 0, p = 0; k < s->panels; k++)
            for (int64_t y = first; y <= last; y++, p++) look_around(s, &r, p, k, y, t - SKEW * y);
        if ((error = run(s, 0, r.inputs, r.from, r.hidden, r.to, r.count))) break;
        for (int64_t channel = 0; channel < s->coded; channel++) {
            for (int64_t p = 0; p < r.count; p++) r.small[p] = p * (2 + channel);
            if ((error = predict(s, &r, channel))) break;
            if (streams) {
                error = aec_rans_read(streams->tables, streams->data, streams->positions, streams->ends,
                                      streams->states, streams->lanes, streams->count, r.classes,
                                      r.count / streams->count, r.residual, &streams->failed);
                if (error) break;
            } else {
                for (int64_t k = 0, p = 0; k < s->panels; k++) {
                    for (int64_t y = first; y <= last; y++, p++) {
                        int64_t at = k * pixels + y * s->width + t - SKEW * y;
                        r.residual[p] = residual_of(targets[at * channels + channel], r.mean[p], max_error);
                    }
                    int64_t to = k * pixels * s->coded + done, from = k * own;
                    memcpy(classes + to, r.classes + from, (size_t)own);
                    memcpy(residuals + to, r.residual + from, (size_t)own * sizeof(int32_t));
                }
                done += own;
            }
            int64_t end = channel + 1 < s->coded ? channel + 1 : channels; /* those of a gray picture equal the first */
            if (s->coded == channels) end = channel + 1;
            for (int64_t p = 0; p < r.count; p++) {
                int32_t value = sample_of(r.residual[p], r.mean[p], max_error);
                for (int64_t c = channel; c < end; c++) {
                    s->samples[r.at[p] * channels + c] = (uint8_t)value;
                    s->errors[r.at[p] * channels + c] = (int16_t)(4 * value - r.linear[p]);
                }
            }
        }
    }
    free(memory);
    return error;
}
