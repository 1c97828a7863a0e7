/* Both packings, as packing/tables.py, rans.py and zstd.py define them: one walk through the events of a pass, and what
   codes a round of events. Numbers and names are those of the modules. */

#include "aecodec.h"

enum {
    CLASSES = 64,
    RAW = CLASSES, /* kind of n raw bits: RAW + n */
    RAW_BITS = 7,
    PRECISION = 12,
    TOTAL = 1 << PRECISION,
    MAX_RESIDUAL = 1 << 20,
    GAMMA_DIGITS = 20,
    LOW = 1 << 16,
    GROUPS = 9
};

struct aec_tables {
    const int32_t *extents, *shifts; /* (64) */
    const int32_t *first;            /* (72) where the values of a kind begin */
    const uint16_t *frequencies, *starts; /* of every value of every kind */
    const uint32_t *slots; /* (72, 4096) of a slot: value (7 bits), frequency (13), rank (12) */
    const uint16_t *ranks; /* (72, 4096) the slot of a rank of a value, which are those from its start on */
    const int32_t *root;   /* (72) the decision trees of zstd.py: nodes, */
    const int32_t *branch; /* of a node, for 0 and 1: a node, or ~value */
    const uint8_t *group;  /* of a node */
    const uint32_t *path;  /* of every value of every kind */
    int64_t skip;
};

/* Codes a round of n events: reads values when encoding, writes them when decoding. */
typedef struct coder coder;
struct coder {
    int (*round)(coder *, const uint8_t *kinds, int32_t *values, int64_t n);
    const aec_tables *tables;
    int encoding;
};

/* The elements of a pass that are coded, and room for the rounds over some of them. */
typedef struct {
    coder *coder;
    uint8_t *kinds;   /* of the events of a round */
    int32_t *values;  /* of the events of a round */
    int32_t *rest;    /* the members of a round */
    int32_t *lengths; /* the bits left of each number */
} rounds;

/* The lowest lengths[i] bits of each of n numbers, in events of at most RAW_BITS, most significant first. */
static int raw_bits(rounds *r, int64_t n, int64_t *bits) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!r->coder->encoding) bits[i] = 0;
        if (r->lengths[i]) r->rest[count++] = (int32_t)i;
    }
    while (count) {
        for (int64_t k = 0; k < count; k++) {
            int32_t left = r->lengths[r->rest[k]], size = left < RAW_BITS ? left : RAW_BITS;
            r->kinds[k] = (uint8_t)(RAW + size);
            if (r->coder->encoding) r->values[k] = (int32_t)(bits[r->rest[k]] >> (left - size)) & ((1 << size) - 1);
        }
        int error = r->coder->round(r->coder, r->kinds, r->values, count);
        if (error) return error;
        int64_t still = 0;
        for (int64_t k = 0; k < count; k++) {
            int32_t i = r->rest[k], size = r->kinds[k] - RAW;
            if (!r->coder->encoding) bits[i] = bits[i] << size | r->values[k];
            if (r->lengths[i] -= size) r->rest[still++] = i;
        }
        count = still;
    }
    return DONE;
}

static int bit_length(uint64_t value) {
    int length = 0;
    while (value) value >>= 1, length++;
    return length;
}

/* Signs and gamma codes of n escaped values: values[at[i]] is the excess over the extent, or minus it. */
static int escapes(rounds *r, const int32_t *at, int64_t n, int64_t *values, int64_t *number, int32_t *digits,
                   int32_t *going) {
    int encoding = r->coder->encoding, error;
    for (int64_t i = 0; i < n; i++) {
        r->kinds[i] = RAW + 1;
        r->values[i] = encoding && values[at[i]] < 0;
    }
    if ((error = r->coder->round(r->coder, r->kinds, r->values, n))) return error;
    for (int64_t i = 0; i < n; i++) {
        number[i] = encoding ? (values[at[i]] < 0 ? -values[at[i]] : values[at[i]]) : 0;
        if (!encoding) values[at[i]] = r->values[i] ? -1 : 1;
        digits[i] = encoding ? bit_length((uint64_t)number[i]) - 1 : 0;
        going[i] = (int32_t)i;
    }
    int64_t count = n;
    for (int digit = 0; digit < GAMMA_DIGITS && count; digit++) {
        for (int64_t k = 0; k < count; k++) {
            r->kinds[k] = RAW + 1;
            r->values[k] = encoding && digits[going[k]] > digit;
        }
        if ((error = r->coder->round(r->coder, r->kinds, r->values, count))) return error;
        int64_t still = 0;
        for (int64_t k = 0; k < count; k++)
            if (r->values[k]) {
                if (!encoding) digits[going[k]]++;
                going[still++] = going[k];
            }
        count = still;
    }
    memcpy(r->lengths, digits, (size_t)n * sizeof *digits);
    if ((error = raw_bits(r, n, number))) return error;
    if (!encoding)
        for (int64_t i = 0; i < n; i++) values[at[i]] *= ((int64_t)1 << digits[i]) | number[i];
    return DONE;
}

/* All events of one pass of n elements. residuals: read when encoding, written when decoding. */
static int code_pass(coder *c, const uint8_t *classes, int64_t n, int32_t *residuals) {
    const aec_tables *t = c->tables;
    int64_t coded = 0, escaped = 0, shifted = 0;
    int error = NO_MEMORY;
    /* One block: numbers of 8 bytes first. */
    size_t each = 2 * sizeof(int64_t) + 8 * sizeof(int32_t) + 2;
    char *memory = malloc((size_t)(n ? n : 1) * each);
    if (!memory) return NO_MEMORY;
    int64_t *value = (int64_t *)memory, *number = value + n;
    int32_t *element = (int32_t *)(number + n), *at = element + n, *digits = at + n, *going = digits + n;
    rounds r = {c, NULL, going + n, going + 2 * n, going + 3 * n};
    int32_t *all_values = going + 4 * n;
    uint8_t *kinds = (uint8_t *)(all_values + n);
    r.kinds = kinds + n;

    for (int64_t i = 0; i < n; i++) {
        if (classes[i] >= CLASSES) { error = BAD_CLASS; goto end; }
        if (classes[i] >= t->skip) {
            element[coded] = (int32_t)i;
            kinds[coded++] = classes[i];
        } else if (!c->encoding)
            residuals[i] = 0;
        else if (residuals[i]) { error = SKIPPED; goto end; }
    }
    if (c->encoding)
        for (int64_t k = 0; k < coded; k++) {
            int32_t residual = residuals[element[k]], extent = t->extents[kinds[k]];
            if (residual < -MAX_RESIDUAL || residual > MAX_RESIDUAL) { error = OUT_OF_RANGE; goto end; }
            int32_t high = residual >> t->shifts[kinds[k]];
            all_values[k] = high < -extent || high > extent ? 2 * extent + 1 : high + extent;
        }
    if ((error = c->round(c, kinds, all_values, coded))) goto end;
    for (int64_t k = 0; k < coded; k++) {
        int32_t extent = t->extents[kinds[k]];
        value[k] = all_values[k] - extent;
        if (all_values[k] == 2 * extent + 1) {
            at[escaped++] = (int32_t)k;
            if (c->encoding) {
                int32_t high = residuals[element[k]] >> t->shifts[kinds[k]];
                value[k] = high < 0 ? high + extent : high - extent;
            }
        }
    }
    if (escaped) {
        if ((error = escapes(&r, at, escaped, value, number, digits, going))) goto end;
        for (int64_t i = 0; i < escaped; i++) {
            int32_t extent = t->extents[kinds[at[i]]];
            value[at[i]] += value[at[i]] < 0 ? -extent : extent;
        }
    }
    for (int64_t k = 0; k < coded; k++) {
        int32_t shift = t->shifts[kinds[k]];
        if (!shift) continue;
        r.lengths[shifted] = shift;
        number[shifted] = c->encoding ? residuals[element[k]] : 0;
        at[shifted++] = (int32_t)k;
    }
    if (shifted) {
        if ((error = raw_bits(&r, shifted, number))) goto end;
        for (int64_t i = 0; i < shifted; i++)
            value[at[i]] = value[at[i]] * ((int64_t)1 << t->shifts[kinds[at[i]]]) + number[i];
    }
    if (!c->encoding)
        for (int64_t k = 0; k < coded; k++) {
            /* |value| < (2^21 + 63) * 2^15 < 2^37 */
            if (value[k] < -MAX_RESIDUAL || value[k] > MAX_RESIDUAL) { error = OUT_OF_RANGE; goto end; }
            residuals[element[k]] = (int32_t)value[k];
        }
end:
    free(memory);
    return error;
}

/* rANS, decoding --- */

typedef struct {
    coder coder;
    const uint8_t *data;
    int64_t position, end, lanes;
    uint32_t *states;
} rans_reader;

static inline uint32_t refilled(rans_reader *r, uint32_t x) {
    while (x < LOW && r->position < r->end) x = x << 8 | r->data[r->position++];
    return x;
}

static inline uint32_t rans_decode(const uint32_t *slots, uint32_t x, uint8_t kind, int32_t *value) {
    uint32_t entry = slots[(uint32_t)kind << PRECISION | (x & (TOTAL - 1))];
    *value = entry & 127;
    return (entry >> 7 & (2 * TOTAL - 1)) * (x >> PRECISION) + (entry >> 20);
}

static int rans_read_round(coder *c, const uint8_t *kinds, int32_t *values, int64_t n) {
    rans_reader *r = (rans_reader *)c;
    const uint32_t *slots = c->tables->slots;
    int64_t lanes = r->lanes;
    if (lanes == 1) {
        uint32_t x = r->states[0];
        for (int64_t i = 0; i < n; i++) x = rans_decode(slots, refilled(r, x), kinds[i], values + i);
        r->states[0] = x;
        return DONE;
    }
    if (r->position >= r->end) /* of several lanes none is ever left below 2^16 */
        for (int64_t l = 0; l < lanes; l++)
            if (r->states[l] < LOW) return TRUNCATED;
    for (int64_t begin = 0; begin < n; begin += lanes) {
        int64_t events = n - begin < lanes ? n - begin : lanes;
        for (int64_t l = 0; l < events; l++)
            r->states[l] = rans_decode(slots, refilled(r, r->states[l]), kinds[begin + l], values + begin + l);
        for (int64_t l = events; l < lanes; l++) r->states[l] = refilled(r, r->states[l]);
    }
    return DONE;
}

/* The residuals (streams, n) of a pass. Stream s has data[positions[s]..ends[s]) left, and its lanes' states. Returns
   DONE, or a code below zero, with the number of the stream in *failed. */
EXPORT int aec_rans_read(const aec_tables *tables, const uint8_t *data, int64_t *positions, const int64_t *ends,
                         uint32_t *states, int64_t lanes, int64_t streams, const uint8_t *classes, int64_t n,
                         int32_t *residuals, int64_t *failed) {
    for (int64_t s = 0; s < streams; s++) {
        rans_reader r = {{rans_read_round, tables, 0}, data, positions[s], ends[s], lanes, states + s * lanes};
        int error = code_pass(&r.coder, classes + s * n, n, residuals + s * n);
        positions[s] = r.position;
        if (error) {
            *failed = s;
            return error;
        }
    }
    return DONE;
}

/* rANS, encoding --- */

typedef struct {
    uint32_t frequency, first; /* where the slots of its value begin in `ranks` */
} event;

typedef struct {
    coder coder;
    event *events;
    int64_t count, room;
    int64_t *rounds; /* where each round ends */
    int64_t round_count, round_room;
} rans_writer;

static int rans_write_round(coder *c, const uint8_t *kinds, int32_t *values, int64_t n) {
    rans_writer *w = (rans_writer *)c;
    if (w->count + n > w->room) {
        int64_t room = 2 * (w->count + n);
        event *events = realloc(w->events, (size_t)room * sizeof *events);
        if (!events) return NO_MEMORY;
        w->events = events, w->room = room;
    }
    if (w->round_count == w->round_room) {
        int64_t room = 2 * w->round_room + 64;
        int64_t *ends = realloc(w->rounds, (size_t)room * sizeof *ends);
        if (!ends) return NO_MEMORY;
        w->rounds = ends, w->round_room = room;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t row = c->tables->first[kinds[i]] + values[i];
        w->events[w->count++] = (event){c->tables->frequencies[row], (uint32_t)kinds[i] << PRECISION | c->tables->starts[row]};
    }
    w->rounds[w->round_count++] = w->count;
    return DONE;
}

/* The payload of one stream: `passes` passes of sizes[p] elements, one after the other. states: where the lanes start,
   and afterwards their ends, from which Python makes the head. out: the body, which aec_free frees; *written:
   its size. */
EXPORT int aec_rans_write(const aec_tables *tables, const uint8_t *classes, int32_t *residuals, const int64_t *sizes,
                          int64_t passes, uint32_t *states, int64_t lanes, uint8_t **out, int64_t *written) {
    rans_writer w = {{rans_write_round, tables, 1}, NULL, 0, 0, NULL, 0, 0};
    int error = DONE;
    for (int64_t p = 0; p < passes && !error; p++) {
        error = code_pass(&w.coder, classes, sizes[p], residuals);
        classes += sizes[p], residuals += sizes[p];
    }
    uint8_t *body = error ? NULL : malloc((size_t)(2 * w.count + 1));
    if (!error && !body) error = NO_MEMORY;
    if (!error) {
        uint8_t *at = body + 2 * w.count;
        for (int64_t k = w.round_count - 1, end = w.count; k >= 0; k--) {
            int64_t begin = k ? w.rounds[k - 1] : 0;
            for (int64_t i = end - 1; i >= begin; i--) {
                uint32_t f = w.events[i].frequency, *x = states + (i - begin) % lanes;
                const uint16_t *slots = tables->ranks + w.events[i].first;
                while (*x >= f << 12) {
                    *--at = (uint8_t)*x;
                    *x >>= 8;
                }
                *x = (*x / f << PRECISION) + slots[*x % f];
            }
            end = begin;
        }
        *written = body + 2 * w.count - at;
        memmove(body, at, (size_t)*written);
        *out = body;
    }
    free(w.events);
    free(w.rounds);
    return error;
}

EXPORT void aec_free(void *memory) { free(memory); }

/* Decisions and phrases --- */

typedef struct {
    const int32_t *lengths, *begins; /* (256) of phrases, in decisions */
    const uint8_t *decisions;
    const int32_t *step;   /* of twice an inner node + decision: twice the next one, or ~phrase */
    const int32_t *lowest; /* of twice an inner node: the lowest phrase below it */
} aec_dictionary;

/* What a group's last byte brought too many when decoding; the inner node and the place of its byte when encoding. */
typedef struct {
    int32_t last, left;
} held;

typedef struct {
    coder coder;
    const aec_dictionary *dictionaries; /* (GROUPS) */
    uint8_t *body;
    int64_t position, size;
    held *held; /* (GROUPS) when decoding */
    int32_t node[GROUPS];
    int64_t place[GROUPS]; /* of the byte of a phrase that has begun */
    int32_t *nodes, *active; /* room for a round */
    uint8_t *decisions;
    int64_t room;
} phraser;

static int take(phraser *z, int group, int64_t count, uint8_t *decisions) {
    const aec_dictionary *d = z->dictionaries + group;
    if (z->coder.encoding) {
        for (int64_t i = 0; i < count; i++) {
            if (!z->node[group]) {
                if (z->position == z->size) {
                    int64_t size = 2 * z->size + 256;
                    uint8_t *body = realloc(z->body, (size_t)size);
                    if (!body) return NO_MEMORY;
                    z->body = body, z->size = size;
                }
                z->place[group] = z->position++;
            }
            z->node[group] = d->step[z->node[group] + decisions[i]];
            if (z->node[group] < 0) {
                z->body[z->place[group]] = (uint8_t)~z->node[group];
                z->node[group] = 0;
            }
        }
        return DONE;
    }
    held *h = z->held + group;
    while (count) {
        if (!h->left) {
            if (z->position == z->size) return TRUNCATED;
            h->last = z->body[z->position++];
            h->left = d->lengths[h->last];
        }
        int32_t size = count < h->left ? (int32_t)count : h->left;
        memcpy(decisions, d->decisions + d->begins[h->last] + d->lengths[h->last] - h->left, (size_t)size);
        decisions += size, count -= size, h->left -= size;
    }
    return DONE;
}

/* Down the trees of a round's events, level by level; on each level group by group. */
static int phrase_round(coder *c, const uint8_t *kinds, int32_t *values, int64_t n) {
    phraser *z = (phraser *)c;
    const aec_tables *t = c->tables;
    if (n > z->room) {
        free(z->nodes), free(z->active), free(z->decisions);
        z->nodes = malloc((size_t)n * sizeof *z->nodes);
        z->active = malloc((size_t)n * sizeof *z->active);
        z->decisions = malloc((size_t)n);
        z->room = n;
        if (!z->nodes || !z->active || !z->decisions) return NO_MEMORY;
    }
    for (int64_t i = 0; i < n; i++) {
        z->nodes[i] = t->root[kinds[i]];
        z->active[i] = (int32_t)i;
    }
    int64_t count = n;
    for (int level = 0; count; level++) {
        int64_t begin[GROUPS + 1] = {0}, at[GROUPS];
        for (int64_t k = 0; k < count; k++) begin[t->group[z->nodes[k]] + 1]++;
        for (int g = 0; g < GROUPS; g++) begin[g + 1] += begin[g], at[g] = begin[g];
        if (c->encoding)
            for (int64_t k = 0; k < count; k++) {
                int32_t i = z->active[k];
                z->decisions[at[t->group[z->nodes[k]]]++] = t->path[t->first[kinds[i]] + values[i]] >> level & 1;
            }
        for (int g = 0; g < GROUPS; g++) {
            int error = begin[g + 1] > begin[g] ? take(z, g, begin[g + 1] - begin[g], z->decisions + begin[g]) : DONE;
            if (error) return error;
            at[g] = begin[g];
        }
        int64_t still = 0;
        for (int64_t k = 0; k < count; k++) {
            int32_t node = z->nodes[k];
            int32_t next = t->branch[2 * node + z->decisions[at[t->group[node]]++]];
            if (next >= 0) {
                z->nodes[still] = next;
                z->active[still++] = z->active[k];
            } else if (!c->encoding)
                values[z->active[k]] = ~next;
        }
        count = still;
    }
    return DONE;
}

static void release(phraser *z) { free(z->nodes), free(z->active), free(z->decisions); }

/* The residuals (n) of a pass of one stream, whose bytes are body[*position..size). */
EXPORT int aec_phrases_read(const aec_tables *tables, const aec_dictionary *dictionaries, uint8_t *body,
                            int64_t *position, int64_t size, held *left, const uint8_t *classes, int64_t n,
                            int32_t *residuals) {
    phraser z = {.coder = {phrase_round, tables, 0}, .dictionaries = dictionaries, .body = body, .position = *position,
                 .size = size, .held = left};
    int error = code_pass(&z.coder, classes, n, residuals);
    *position = z.position;
    release(&z);
    return error;
}

/* The bytes of all passes of one stream, as for aec_rans_write. */
EXPORT int aec_phrases_write(const aec_tables *tables, const aec_dictionary *dictionaries, const uint8_t *classes,
                             int32_t *residuals, const int64_t *sizes, int64_t passes, uint8_t **out,
                             int64_t *written) {
    phraser z = {.coder = {phrase_round, tables, 1}, .dictionaries = dictionaries};
    int error = DONE;
    for (int64_t p = 0; p < passes && !error; p++) {
        error = code_pass(&z.coder, classes, sizes[p], residuals);
        classes += sizes[p], residuals += sizes[p];
    }
    for (int g = 0; g < GROUPS && !error; g++)
        if (z.node[g]) z.body[z.place[g]] = (uint8_t)dictionaries[g].lowest[z.node[g]];
    release(&z);
    if (error)
        free(z.body);
    else
        *out = z.body, *written = z.position;
    return error;
}
