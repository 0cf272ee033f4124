#include "store/delivery/segment.h"

#include "store/mailbox/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	CHECKED = 24,
	/* Bytes that a file is ahead of its records: writing over a block that
	 * is there is all a sync has to do, its size and place are known. */
	AHEAD = 65536,
	/* Of the filter that a full segment leaves in memory: with this many
	 * bits a key and this many looks one in a thousand is taken for there,
	 * and the file is read. */
	FILTER_BITS = 16,
	FILTER_LOOKS = 6,
};

G_STATIC_ASSERT(sizeof(gpointer) == sizeof(uint64_t));

static uint64_t
check_of(const uint8_t *record)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < CHECKED; i++)
		hash = (hash ^ record[i]) * UINT64_C(0x100000001b3);
	return GUINT64_TO_BE(hash);
}

void
ph_segment_format(uint8_t record[PH_RECORD], struct ph_copy_key key,
		  int64_t now)
{
	uint64_t time = GUINT64_TO_BE((uint64_t)now), check;

	memcpy(record, &key.high, 8);
	memcpy(record + 8, &key.low, 8);
	memcpy(record + 16, &time, 8);
	check = check_of(record);
	memcpy(record + CHECKED, &check, 8);
}

static bool
parse_record(const uint8_t record[PH_RECORD], struct ph_copy_key *key_r)
{
	uint64_t check = check_of(record);

	if (memcmp(record + CHECKED, &check, 8) != 0)
		return false;
	memcpy(&key_r->high, record, 8);
	memcpy(&key_r->low, record + 8, 8);
	return true;
}

static void
segment_clear(gpointer p)
{
	struct ph_segment *segment = p;

	g_clear_pointer(&segment->keys, g_hash_table_unref);
	g_free(segment->filter);
	ph_path_close(&segment->fd);
}

void
ph_segment_unref(gpointer p)
{
	g_atomic_rc_box_release_full(p, segment_clear);
}

struct ph_segment *
ph_segment_new(int64_t start, int fd)
{
	struct ph_segment *segment = g_atomic_rc_box_new0(struct ph_segment);

	segment->start = start;
	segment->fd = fd;
	segment->keys = g_hash_table_new(g_direct_hash, g_direct_equal);
	return segment;
}

void
ph_segment_put(struct ph_segment *segment, struct ph_copy_key key)
{
	g_hash_table_replace(segment->keys, (gpointer)(uintptr_t)key.high,
			     (gpointer)(uintptr_t)key.low);
}

/* ---- a segment that is complete ------------------------------------------ */

/* Keys are made of SHA-256, so their bits need no more mixing. */
static uint64_t
filter_bit(const struct ph_segment *segment, struct ph_copy_key key,
	   unsigned look)
{
	return (key.high + look * (key.low | 1)) & segment->filter_mask;
}

static void
filter_put(struct ph_segment *segment, struct ph_copy_key key)
{
	for (unsigned i = 0; i < FILTER_LOOKS; i++) {
		uint64_t bit = filter_bit(segment, key, i);

		segment->filter[bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

static bool
filter_has(const struct ph_segment *segment, struct ph_copy_key key)
{
	for (unsigned i = 0; i < FILTER_LOOKS; i++) {
		uint64_t bit = filter_bit(segment, key, i);

		if (!(segment->filter[bit / 64] & UINT64_C(1) << bit % 64))
			return false;
	}
	return true;
}

void
ph_segment_shrink(struct ph_segment *segment)
{
	uint64_t bits = 64;
	GHashTableIter iter;
	gpointer high, low;
	guint n;

	if (!segment->keys)
		return;
	n = g_hash_table_size(segment->keys);
	if (n == 0 || segment->fd < 0 || segment->size / PH_RECORD < n)
		return;
	while (bits < (uint64_t)n * FILTER_BITS)
		bits *= 2;
	segment->filter = g_new0(uint64_t, bits / 64);
	segment->filter_mask = bits - 1;
	g_hash_table_iter_init(&iter, segment->keys);
	while (g_hash_table_iter_next(&iter, &high, &low))
		filter_put(segment, (struct ph_copy_key){(uintptr_t)high,
							 (uintptr_t)low});
	g_clear_pointer(&segment->keys, g_hash_table_unref);
}

static bool
keys_have(const struct ph_segment *segment, struct ph_copy_key key)
{
	gpointer low;

	return g_hash_table_lookup_extended(
		   segment->keys, (gpointer)(uintptr_t)key.high, NULL, &low) &&
	       (uint64_t)(uintptr_t)low == key.low;
}

int
ph_segment_knows(const struct ph_segment *segment, struct ph_copy_key key)
{
	if (segment->keys)
		return keys_have(segment, key);
	return filter_has(segment, key) ? -1 : 0;
}

/* ---- its file ------------------------------------------------------------ */

static bool
is_zero(const uint8_t record[PH_RECORD])
{
	static const uint8_t zeros[PH_RECORD];

	return memcmp(record, zeros, PH_RECORD) == 0;
}

int
ph_segment_load(struct ph_segment *segment, struct ph_err *err)
{
	uint8_t buffer[PH_RECORD * 1024];
	struct ph_copy_key key;
	ssize_t n;

	for (;;) {
		n = pread(segment->fd, buffer, sizeof(buffer),
			  (off_t)segment->room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ph_err_set(err, PH_ERR_TEMP,
					  "duplicates: cannot read: %s",
					  g_strerror(errno));
		if (n < PH_RECORD)
			return 0;
		n -= n % PH_RECORD;
		for (ssize_t i = 0; i < n; i += PH_RECORD) {
			if (parse_record(buffer + i, &key))
				ph_segment_put(segment, key);
			if (!is_zero(buffer + i))
				segment->size =
				    segment->room + (uint64_t)i + PH_RECORD;
		}
		segment->room += (uint64_t)n;
	}
}

int
ph_segment_file_has(const struct ph_segment *segment, struct ph_copy_key key)
{
	uint8_t buffer[PH_RECORD * 1024];
	struct ph_copy_key other;
	uint64_t at = 0;
	ssize_t n;

	while (at < segment->size) {
		n = pread(segment->fd, buffer, sizeof(buffer), (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n < PH_RECORD)
			return 0;
		n -= n % PH_RECORD;
		for (ssize_t i = 0; i < n; i += PH_RECORD)
			if (memcmp(buffer + i, &key, sizeof key) == 0 &&
			    parse_record(buffer + i, &other))
				return 1;
		at += (uint64_t)n;
	}
	return 0;
}

void
ph_segment_name(int64_t start, char name[PH_SEGMENT_NAME + 1])
{
	g_snprintf(name, PH_SEGMENT_NAME + 1, "%016" PRIx64, (uint64_t)start);
}

int
ph_segment_need_file(struct ph_segment *segment, int dir, struct ph_err *err)
{
	char name[PH_SEGMENT_NAME + 1];

	if (segment->fd >= 0)
		return 0;
	ph_segment_name(segment->start, name);
	segment->fd =
	    openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (segment->fd >= 0 && fsync(dir) == 0)
		return 0;
	ph_err_set(err, PH_ERR_TEMP, "duplicates: cannot make %s: %s", name,
		   g_strerror(errno));
	ph_path_close(&segment->fd);
	return -1;
}

/* A failure shows when the record is written. */
static void
make_room(struct ph_segment *segment)
{
	static const uint8_t zeros[AHEAD];
	ssize_t n;

	if (segment->size + PH_RECORD <= segment->room)
		return;
	n = pwrite(segment->fd, zeros, AHEAD, (off_t)segment->size);
	if (n >= PH_RECORD)
		segment->room =
		    segment->size + (uint64_t)n - (uint64_t)n % PH_RECORD;
}

int
ph_segment_write(struct ph_segment *segment, const uint8_t *records,
		 size_t size, struct ph_err *err)
{
	ssize_t n;

	make_room(segment);
	do
		n = pwrite(segment->fd, records, size, (off_t)segment->size);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)size)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "duplicates: cannot write: %s",
			  n < 0 ? g_strerror(errno) : "disk full");
}
