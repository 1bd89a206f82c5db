// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "output.h"
#include "stage_option.h"

/*
 * Which there are
 */

const char *btf_tag(const struct btf *btf, unsigned int id, const char *prefix)
{
	unsigned int nr = btf__type_cnt(btf), i;

	for (i = 1; i < nr; i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);
		const char *text;

		if (!btf_is_decl_tag(t) || t->type != id ||
		    btf_decl_tag(t)->component_idx != -1)
			continue;
		text = btf__name_by_offset(btf, t->name_off);
		if (text && !strncmp(text, prefix, strlen(prefix)))
			return text + strlen(prefix);
	}
	return NULL;
}

/* The type of variable @var if it is const volatile, without that */
static const struct btf_type *option_type(const struct btf *btf, const struct btf_type *var)
{
	const struct btf_type *t = btf__type_by_id(btf, var->type);
	bool is_const = false, is_volatile = false;

	/* qualifiers of an array are those of its elements */
	if (t && btf_is_array(t))
		t = btf__type_by_id(btf, btf_array(t)->type);
	while (t && (btf_is_mod(t) || btf_is_typedef(t))) {
		is_const |= btf_is_const(t);
		is_volatile |= btf_is_volatile(t);
		t = btf__type_by_id(btf, t->type);
		if (t && btf_is_array(t))
			break;
	}
	if (!is_const || !is_volatile)
		return NULL;
	t = btf__type_by_id(btf, var->type);
	while (btf_is_mod(t) || btf_is_typedef(t))
		t = btf__type_by_id(btf, t->type);
	return t;
}

static const struct btf_type *element_type(const struct btf *btf, const struct btf_type *array)
{
	int id = btf__resolve_type(btf, btf_array(array)->type);
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && btf_is_mod(t))
		t = btf__type_by_id(btf, btf__resolve_type(btf, t->type));
	return t;
}

/* One that can be set from text */
static bool option_usable(const struct btf *btf, const struct btf_type *t)
{
	if (btf_is_array(t)) {
		const struct btf_type *e = element_type(btf, t);

		return e && btf_is_int(e) && e->size == 1;
	}
	return btf_is_int(t) || btf_is_enum(t) || btf_is_enum64(t);
}

static struct stage_option *find_option(const struct stage_options *opts, const char *key)
{
	char name[sizeof(opts->options->name)];
	size_t i;

	snprintf(name, sizeof(name), "%s", key);
	for (char *p = name; *p; p++)
		if (*p == '_')
			*p = '-';
	for (i = 0; i < opts->nr; i++)
		if (!strcmp(opts->options[i].name, name))
			return &opts->options[i];
	return NULL;
}

static void add_option(struct stage_options *opts, const struct btf_var_secinfo *v,
		       unsigned char *rodata, size_t rodata_size)
{
	const struct btf_type *var = btf__type_by_id(opts->btf, v->type);
	const struct btf_type *t = var ? option_type(opts->btf, var) : NULL;
	struct stage_option *o = &opts->options[opts->nr];

	if (!t || !option_usable(opts->btf, t) || v->offset > rodata_size ||
	    v->size > rodata_size - v->offset)
		return;
	snprintf(o->name, sizeof(o->name), "%s", btf__name_by_offset(opts->btf, var->name_off));
	for (char *p = o->name; *p; p++)
		if (*p == '_')
			*p = '-';
	o->help = btf_tag(opts->btf, v->type, "option: ");
	o->group = btf_tag(opts->btf, v->type, "one of: ");
	o->entries = btf_tag(opts->btf, v->type, "entries: ");
	o->type = t;
	o->data = rodata + v->offset;
	o->size = v->size;
	opts->nr++;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct stage_option *)a)->name,
		      ((const struct stage_option *)b)->name);
}

/* "key_len" next to the array "key" is not for users to set */
static void join_lengths(struct stage_options *opts)
{
	char name[sizeof(opts->options->name) + 8];
	struct stage_option *o, *len;
	size_t i;

	for (i = 0; i < opts->nr; i++) {
		o = &opts->options[i];
		if (!btf_is_array(o->type))
			continue;
		snprintf(name, sizeof(name), "%s-len", o->name);
		len = find_option(opts, name);
		if (!len || !btf_is_int(len->type) || len->size != sizeof(*o->len))
			continue;
		o->len = (unsigned int *)len->data;
		len->name[0] = '\0';
	}
	qsort(opts->options, opts->nr, sizeof(*opts->options), by_name);
	for (i = 0; i < opts->nr && !opts->options[i].name[0]; i++)
		;
	opts->nr -= i;
	memmove(opts->options, opts->options + i, opts->nr * sizeof(*opts->options));
}

static void *rodata_of(struct bpf_object *obj, size_t *size)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj) {
		const char *dot = strchr(bpf_map__name(map), '.');

		if (dot && !strcmp(dot, ".rodata"))
			return bpf_map__initial_value(map, size);
	}
	return NULL;
}

int stage_options_open(struct stage_options *opts, struct bpf_object *obj,
		       const char *stage)
{
	const struct btf_type *sec;
	unsigned char *rodata;
	size_t size = 0;
	int id, i;

	*opts = (struct stage_options) {
		.stage = stage, .obj = obj, .btf = bpf_object__btf(obj),
	};
	if (!opts->btf)
		return error("stage %s has no BTF; compile it with clang -target bpf -g", stage);
	rodata = rodata_of(obj, &size);
	id = btf__find_by_name_kind(opts->btf, ".rodata", BTF_KIND_DATASEC);
	if (!rodata || id < 0)
		return 0;
	sec = btf__type_by_id(opts->btf, id);
	opts->options = calloc(btf_vlen(sec) + 1, sizeof(*opts->options));
	if (!opts->options)
		return error("no memory for the options of stage %s", stage);
	for (i = 0; i < btf_vlen(sec); i++)
		add_option(opts, btf_var_secinfos(sec) + i, rodata, size);
	join_lengths(opts);
	return 0;
}

void stage_options_close(struct stage_options *opts)
{
	free(opts->options);
	opts->options = NULL;
	opts->nr = 0;
}

/*
 * In words
 */

static bool is_signed(const struct btf_type *t)
{
	if (btf_is_int(t))
		return btf_int_encoding(t) & BTF_INT_SIGNED;
	return btf_kflag(t);
}

static bool is_bool(const struct btf_type *t)
{
	return btf_is_int(t) && btf_int_encoding(t) & BTF_INT_BOOL;
}

static const char *enumerator(const struct btf *btf, const struct btf_type *t, int i,
			      long long *value)
{
	if (btf_is_enum(t)) {
		const struct btf_enum *e = btf_enum(t) + i;

		*value = is_signed(t) ? e->val : (long long)(__u32)e->val;
		return btf__name_by_offset(btf, e->name_off);
	}
	*value = (long long)btf_enum64_value(btf_enum64(t) + i);
	return btf__name_by_offset(btf, btf_enum64(t)[i].name_off);
}

/* How many characters all names begin with, up to an underscore */
static size_t enum_prefix(const struct btf *btf, const struct btf_type *t)
{
	const char *first, *name;
	size_t len, n;
	long long v;
	int i;

	if (btf_vlen(t) < 2)
		return 0;
	first = enumerator(btf, t, 0, &v);
	len = strlen(first);
	for (i = 1; i < btf_vlen(t); i++) {
		name = enumerator(btf, t, i, &v);
		for (n = 0; n < len && name[n] == first[n]; n++)
			;
		len = n;
	}
	while (len && first[len - 1] != '_')
		len--;
	return len;
}

/* The short name of an enumerator: lower case, without what all begin with */
static void enum_name(const struct btf *btf, const struct btf_type *t, int i,
		      char *text, size_t size)
{
	long long v;
	char *p;

	snprintf(text, size, "%s", enumerator(btf, t, i, &v) + enum_prefix(btf, t));
	for (p = text; *p; p++)
		*p = *p == '_' ? '-' : tolower((unsigned char)*p);
}

static const char *enum_names(const struct btf *btf, const struct btf_type *t,
			      char *text, size_t size)
{
	size_t used = 0;
	char name[64];

	text[0] = '\0';
	for (int i = 0; i < btf_vlen(t) && used < size; i++) {
		enum_name(btf, t, i, name, sizeof(name));
		used += snprintf(text + used, size - used, "%s%s", i ? "|" : "", name);
	}
	return text;
}

static void int_range(const struct stage_option *o, long long *min, unsigned long long *max)
{
	int bits = o->size * 8;

	*max = ~0ull >> (64 - bits + (is_signed(o->type) ? 1 : 0));
	*min = is_signed(o->type) ? -(long long)*max - 1 : 0;
}

/* Of an array: without a length of its own there is a zero at the end */
static size_t max_bytes(const struct stage_option *o)
{
	return o->len ? o->size : o->size - 1;
}

const char *stage_option_type(const struct stage_options *opts,
			      const struct stage_option *o, char *text, size_t size)
{
	unsigned long long max;
	long long min;

	if (btf_is_array(o->type)) {
		snprintf(text, size, "1 to %zu characters, or 0x and as many hexadecimal pairs",
			 max_bytes(o));
	} else if (is_bool(o->type)) {
		snprintf(text, size, "yes|no");
	} else if (!btf_is_int(o->type)) {
		return enum_names(opts->btf, o->type, text, size);
	} else {
		int_range(o, &min, &max);
		snprintf(text, size, "%lld to %llu", min, max);
	}
	return text;
}

static long long int_value(const struct stage_option *o)
{
	bool s = is_signed(o->type);

	switch (o->size) {
	case 1:
		return s ? *(signed char *)o->data : *o->data;
	case 2:
		return s ? *(short *)o->data : *(unsigned short *)o->data;
	case 4:
		return s ? *(int *)o->data : (long long)*(unsigned int *)o->data;
	}
	return *(long long *)o->data;
}

static void bytes_value(const struct stage_option *o, char *text, size_t size)
{
	size_t len = o->len ? *o->len : strnlen((char *)o->data, o->size), i, used = 0;
	bool printable = true;

	for (i = 0; i < len; i++)
		printable &= isprint(o->data[i]) && o->data[i] != ',';
	if (printable) {
		snprintf(text, size, "%.*s", (int)len, (char *)o->data);
		return;
	}
	used = snprintf(text, size, "0x");
	for (i = 0; i < len && used < size; i++)
		used += snprintf(text + used, size - used, "%02x", o->data[i]);
}

const char *stage_option_value(const struct stage_options *opts,
			       const struct stage_option *o, char *text, size_t size)
{
	long long v, e;

	text[0] = '\0';
	if (btf_is_array(o->type)) {
		bytes_value(o, text, size);
		return text;
	}
	v = int_value(o);
	if (is_bool(o->type))
		snprintf(text, size, "%s", v ? "yes" : "no");
	else if (btf_is_int(o->type))
		snprintf(text, size, is_signed(o->type) ? "%lld" : "%llu", v);
	for (int i = 0; !btf_is_int(o->type) && i < btf_vlen(o->type); i++) {
		enumerator(opts->btf, o->type, i, &e);
		if (e == v)
			enum_name(opts->btf, o->type, i, text, size);
	}
	return text;
}

/*
 * Setting them
 */

static int bad_value(const struct stage_options *opts, const struct stage_option *o,
		     const char *value)
{
	char type[256];

	return error("%s: %s=%s is not %s", opts->stage, o->name, value,
		     stage_option_type(opts, o, type, sizeof(type)));
}

static int hex_byte(const char *s)
{
	char digits[3] = { s[0], s[0] ? s[1] : 0, 0 }, *end;
	long v = strtol(digits, &end, 16);

	return end == digits + 2 && isxdigit((unsigned char)s[0]) ? (int)v : -1;
}

/* "text", or "0x" and hexadecimal digits; how many bytes, or -1 */
static int parse_bytes(const char *text, unsigned char *bytes, size_t max)
{
	size_t nr = 0;
	int v;

	if (strncmp(text, "0x", 2)) {
		nr = strlen(text);
		if (nr <= max)
			memcpy(bytes, text, nr);
	} else {
		for (text += 2; *text; text += 2, nr++) {
			v = hex_byte(text);
			if (v < 0 || nr == max)
				return -1;
			bytes[nr] = v;
		}
	}
	return nr && nr <= max ? (int)nr : -1;
}

static int set_bytes(struct stage_option *o, const char *value)
{
	int len;

	memset(o->data, 0, o->size);
	len = parse_bytes(value, o->data, max_bytes(o));
	if (len < 0)
		return -1;
	if (o->len)
		*o->len = len;
	return 0;
}

static int set_bool(struct stage_option *o, const char *value)
{
	static const char * const words[] = {
		"no", "yes", "off", "on", "false", "true", "0", "1",
	};

	for (int i = 0; i < 8; i++)
		if (!strcasecmp(value, words[i])) {
			*o->data = i & 1;
			return 0;
		}
	return -1;
}

static void store_int(struct stage_option *o, unsigned long long v)
{
	switch (o->size) {
	case 1:
		*o->data = v;
		break;
	case 2:
		*(unsigned short *)o->data = v;
		break;
	case 4:
		*(unsigned int *)o->data = v;
		break;
	default:
		*(unsigned long long *)o->data = v;
	}
}

static int set_enum(const struct stage_options *opts, struct stage_option *o,
		    const char *value)
{
	char name[64], wanted[64];
	long long v;

	snprintf(wanted, sizeof(wanted), "%s", value);
	for (char *p = wanted; *p; p++)
		if (*p == '_')
			*p = '-';
	for (int i = 0; i < btf_vlen(o->type); i++) {
		enum_name(opts->btf, o->type, i, name, sizeof(name));
		if (strcasecmp(wanted, name) &&
		    strcmp(value, enumerator(opts->btf, o->type, i, &v)))
			continue;
		enumerator(opts->btf, o->type, i, &v);
		store_int(o, v);
		return 0;
	}
	return -1;
}

static int unit_shift(const char *unit)
{
	static const char units[] = "KMG";
	const char *u = *unit ? strchr(units, toupper((unsigned char)*unit)) : NULL;

	if (!*unit)
		return 0;
	return u && !unit[1] ? 10 * (int)(u - units + 1) : -1;
}

static int set_int(struct stage_option *o, const char *value)
{
	bool negative = *value == '-';
	unsigned long long v, max;
	long long min;
	char *end;
	int shift;

	value += negative;
	if (!isdigit((unsigned char)*value))
		return -1;
	errno = 0;
	v = strtoull(value, &end, 0);
	shift = unit_shift(end);
	if (errno || shift < 0 || v > ULLONG_MAX >> shift)
		return -1;
	v <<= shift;
	int_range(o, &min, &max);
	if (negative ? v > -(unsigned long long)min : v > max)
		return -1;
	store_int(o, negative ? -v : v);
	return 0;
}

/* A map that has as many entries as the option says */
static int set_entries(const struct stage_options *opts, const struct stage_option *o)
{
	struct bpf_map *map = bpf_object__find_map_by_name(opts->obj, o->entries);
	long long nr = int_value(o);

	if (!map)
		return error("%s: %s is of the map %s, which is not there", opts->stage,
			     o->name, o->entries);
	if (nr < 1 || nr > UINT_MAX || bpf_map__set_max_entries(map, nr))
		return error("%s: %s=%lld is no number of entries; give 1 or more",
			     opts->stage, o->name, nr);
	return 0;
}

static int set_option(struct stage_options *opts, struct stage_option *o, const char *value)
{
	int ret;

	if (btf_is_array(o->type))
		ret = set_bytes(o, value);
	else if (is_bool(o->type))
		ret = set_bool(o, value);
	else if (btf_is_int(o->type))
		ret = set_int(o, value);
	else
		ret = set_enum(opts, o, value);
	if (ret)
		return bad_value(opts, o, value);
	o->set = true;
	return 0;
}

/* "drop-prefix=, offset=0 to 65535, ..." */
static int unknown_option(const struct stage_options *opts, const char *key)
{
	char list[1024] = "", type[256];
	size_t used = 0, i;

	if (!opts->nr)
		return error("%s takes no arguments, and knows no '%s'", opts->stage, key);
	for (i = 0; i < opts->nr && used < sizeof(list); i++) {
		const struct stage_option *o = &opts->options[i];

		used += snprintf(list + used, sizeof(list) - used, "%s%s=%s", i ? ", " : "",
				 o->name, btf_is_array(o->type) ? "BYTES" :
				 stage_option_type(opts, o, type, sizeof(type)));
	}
	return error("%s knows no '%s'; there is %s", opts->stage, key, list);
}

static int parse_one(struct stage_options *opts, char *arg)
{
	char *value = strchr(arg, '=');
	struct stage_option *o;

	if (value)
		*value++ = '\0';
	o = find_option(opts, arg);
	if (!o)
		return unknown_option(opts, arg);
	if (o->set)
		return error("%s: %s is given twice", opts->stage, o->name);
	if (!value && !is_bool(o->type))
		return error("%s: '%s' is not KEY=VALUE", opts->stage, arg);
	return set_option(opts, o, value ?: "yes");
}

/* Exactly one of those that are tagged so; @first is the first of its group */
static int check_group(const struct stage_options *opts, size_t first)
{
	const char *group = opts->options[first].group;
	char list[256] = "";
	size_t used = 0, i;
	int set = 0;

	for (i = 0; i < first; i++)
		if (opts->options[i].group && !strcmp(opts->options[i].group, group))
			return 0;
	for (; i < opts->nr; i++) {
		const struct stage_option *o = &opts->options[i];

		if (!o->group || strcmp(o->group, group))
			continue;
		set += o->set;
		if (used < sizeof(list))
			used += snprintf(list + used, sizeof(list) - used, "%s%s=",
					 used ? " or " : "", o->name);
	}
	if (set == 1)
		return 0;
	return error("%s needs %s%s; see 'sluice stage help %s'", opts->stage,
		     set ? "only one of " : "", list, opts->stage);
}

int stage_options_parse(struct stage_options *opts, char *args)
{
	char *arg, *save = NULL;
	size_t i;

	for (arg = args ? strtok_r(args, ",", &save) : NULL; arg;
	     arg = strtok_r(NULL, ",", &save))
		if (parse_one(opts, arg))
			return -1;
	for (i = 0; i < opts->nr; i++) {
		const struct stage_option *o = &opts->options[i];

		if (o->group && check_group(opts, i))
			return -1;
		if (o->entries && set_entries(opts, o))
			return -1;
	}
	return 0;
}
