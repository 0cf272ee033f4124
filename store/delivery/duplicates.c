#include "store/delivery/duplicates.h"

#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "store/mailbox/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A segment is named by its start, 16 hexadecimal digits of milliseconds, and
 * holds records of 32 bytes, then zeros; big endian where it is a number:
 *
 *	16 key, as in memory
 *	 8 time, milliseconds
 *	 8 check: FNV-1a of the 24 bytes before
 */
enum {
	RECORD = 32,
	CHECKED = 24,
	NAME = 16,
	/* Bytes that a file is ahead of its records: writing over a block that
	 * is there is all a sync has to do, its size and place are known. */
	AHEAD = 65536,
	SEGMENTS = 8, /* a window, at least */
	/* Of a segment; then the next one begins. */
	RECORDS_MAX = 1 << 18,
	/* Of the filter that a full segment leaves in memory: with this many
	 * bits a key and this many looks one in a thousand is taken for there,
	 * and the file is read. */
	FILTER_BITS = 16,
	FILTER_LOOKS = 6,
	GATHER_MS = 100, /* records that nobody waits for */
	ROUNDS = 4,	 /* of writing what others have added */
};

G_STATIC_ASSERT(sizeof(gpointer) == sizeof(uint64_t));

/* Counted: who looks into its file holds it. With a filter it does not change
 * any more. */
struct segment {
	int64_t start;
	int fd;
	uint64_t size;	  /* whole records */
	uint64_t room;	  /* of the file, zeros behind them */
	GHashTable *keys; /* high half to low half, both in the pointers; NULL:
			   * there is a filter instead */
	uint64_t *filter;
	uint64_t filter_mask; /* of bit numbers */
};

/*
 * Nobody waits with the mutex for a disk to take records. Who adds one while
 * somebody writes leaves it to that one, or to who comes next.
 */
struct ph_duplicates {
	GMutex mutex;
	GCond done; /* somebody has written or synced */
	int dir;
	int64_t window, span;
	GPtrArray *segments;		 /* oldest first */
	uint64_t added, written, synced; /* records of this process */
	GByteArray *pending; /* those not written, of the newest segment */
	bool writing, syncing;
	/* Of the thread that syncs for those who do not wait. */
	GThread *syncer; /* NULL: not needed yet */
	GCond more;
	uint64_t wanted; /* as added */
	bool idle, stop, failed;
};

static uint64_t
check_of(const uint8_t *record)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < CHECKED; i++)
		hash = (hash ^ record[i]) * UINT64_C(0x100000001b3);
	return GUINT64_TO_BE(hash);
}

static void
format_record(uint8_t record[RECORD], struct ph_copy_key key, int64_t now)
{
	uint64_t time = GUINT64_TO_BE((uint64_t)now), check;

	memcpy(record, &key.high, 8);
	memcpy(record + 8, &key.low, 8);
	memcpy(record + 16, &time, 8);
	check = check_of(record);
	memcpy(record + CHECKED, &check, 8);
}

static bool
parse_record(const uint8_t record[RECORD], struct ph_copy_key *key_r)
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
	struct segment *segment = p;

	g_clear_pointer(&segment->keys, g_hash_table_unref);
	g_free(segment->filter);
	ph_path_close(&segment->fd);
}

static void
segment_unref(gpointer p)
{
	g_atomic_rc_box_release_full(p, segment_clear);
}

static struct segment *
segment_new(int64_t start, int fd)
{
	struct segment *segment = g_atomic_rc_box_new0(struct segment);

	segment->start = start;
	segment->fd = fd;
	segment->keys = g_hash_table_new(g_direct_hash, g_direct_equal);
	return segment;
}

static void
segment_put(struct segment *segment, struct ph_copy_key key)
{
	g_hash_table_replace(segment->keys, (gpointer)(uintptr_t)key.high,
			     (gpointer)(uintptr_t)key.low);
}

/* ---- a segment that is complete ------------------------------------------ */

/* Keys are made of SHA-256, so their bits need no more mixing. */
static uint64_t
filter_bit(const struct segment *segment, struct ph_copy_key key, unsigned look)
{
	return (key.high + look * (key.low | 1)) & segment->filter_mask;
}

static void
filter_put(struct segment *segment, struct ph_copy_key key)
{
	for (unsigned i = 0; i < FILTER_LOOKS; i++) {
		uint64_t bit = filter_bit(segment, key, i);

		segment->filter[bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

static bool
filter_has(const struct segment *segment, struct ph_copy_key key)
{
	for (unsigned i = 0; i < FILTER_LOOKS; i++) {
		uint64_t bit = filter_bit(segment, key, i);

		if (!(segment->filter[bit / 64] & UINT64_C(1) << bit % 64))
			return false;
	}
	return true;
}

/* What memory is for is the newest; of those before, the file can be asked. Not
 * if a record is in memory alone. */
static void
segment_shrink(struct segment *segment)
{
	uint64_t bits = 64;
	GHashTableIter iter;
	gpointer high, low;
	guint n;

	if (!segment->keys)
		return;
	n = g_hash_table_size(segment->keys);
	if (n == 0 || segment->fd < 0 || segment->size / RECORD < n)
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

/* What is cut off or damaged is lost. 1, 0, or -1 with errno: nobody can say.
 */
static int
file_has(const struct segment *segment, struct ph_copy_key key)
{
	uint8_t buffer[RECORD * 1024];
	struct ph_copy_key other;
	uint64_t at = 0;
	ssize_t n;

	while (at < segment->size) {
		n = pread(segment->fd, buffer, sizeof(buffer), (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n < RECORD)
			return 0;
		n -= n % RECORD;
		for (ssize_t i = 0; i < n; i += RECORD)
			if (memcmp(buffer + i, &key, sizeof key) == 0 &&
			    parse_record(buffer + i, &other))
				return 1;
		at += (uint64_t)n;
	}
	return 0;
}

static bool
keys_have(const struct segment *segment, struct ph_copy_key key)
{
	gpointer low;

	return g_hash_table_lookup_extended(
		   segment->keys, (gpointer)(uintptr_t)key.high, NULL, &low) &&
	       (uint64_t)(uintptr_t)low == key.low;
}

/* ---- reading ------------------------------------------------------------- */

static bool
is_zero(const uint8_t record[RECORD])
{
	static const uint8_t zeros[RECORD];

	return memcmp(record, zeros, RECORD) == 0;
}

/* A record that does not check was torn by a crash or a copy: it is skipped.
 * Half a record at the end is written over by the next one, as are zeros. */
static int
segment_load(struct segment *segment, struct ph_err *err)
{
	uint8_t buffer[RECORD * 1024];
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
		if (n < RECORD)
			return 0;
		n -= n % RECORD;
		for (ssize_t i = 0; i < n; i += RECORD) {
			if (parse_record(buffer + i, &key))
				segment_put(segment, key);
			if (!is_zero(buffer + i))
				segment->size =
				    segment->room + (uint64_t)i + RECORD;
		}
		segment->room += (uint64_t)n;
	}
}

static void
segment_name(int64_t start, char name[NAME + 1])
{
	g_snprintf(name, NAME + 1, "%016" PRIx64, (uint64_t)start);
}

static int
by_start(gconstpointer a, gconstpointer b)
{
	const struct segment *x = *(struct segment *const *)a;
	const struct segment *y = *(struct segment *const *)b;

	return (x->start > y->start) - (x->start < y->start);
}

static int
open_segment(struct ph_duplicates *duplicates, const char *name,
	     struct ph_err *err)
{
	struct segment *segment;
	guint64 start;
	int fd;

	if (strlen(name) != NAME ||
	    !g_ascii_string_to_unsigned(name, 16, 0, INT64_MAX, &start, NULL))
		return 0;
	fd = openat(duplicates->dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "duplicates: cannot open %s: %s", name,
				  g_strerror(errno));
	segment = segment_new((int64_t)start, fd);
	g_ptr_array_add(duplicates->segments, segment);
	return segment_load(segment, err);
}

/* All but the newest of those that were read so far. */
static void
shrink_older(GPtrArray *segments)
{
	g_ptr_array_sort(segments, by_start);
	for (guint i = 0; i + 1 < segments->len; i++)
		segment_shrink(segments->pdata[i]);
}

static int
load(struct ph_duplicates *duplicates, struct ph_err *err)
{
	int fd = openat(duplicates->dir, ".", O_RDONLY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		ph_err_set(err, PH_ERR_TEMP, "duplicates: cannot read: %s",
			   g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		r = open_segment(duplicates, entry->d_name, err);
		shrink_older(duplicates->segments);
	}
	if (r == 0 && errno != 0)
		r = ph_err_set(err, PH_ERR_TEMP, "duplicates: cannot read: %s",
			       g_strerror(errno));
	closedir(dir);
	return r;
}

static void
duplicates_free(struct ph_duplicates *duplicates)
{
	g_ptr_array_unref(duplicates->segments);
	g_byte_array_unref(duplicates->pending);
	close(duplicates->dir);
	g_cond_clear(&duplicates->more);
	g_cond_clear(&duplicates->done);
	g_mutex_clear(&duplicates->mutex);
	g_free(duplicates);
}

int
ph_duplicates_open(int dir, int64_t window, int64_t now,
		   struct ph_duplicates **duplicates_r, struct ph_err *err)
{
	struct ph_duplicates *duplicates;
	int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return ph_err_set(err, PH_ERR_TEMP, "duplicates: %s",
				  g_strerror(errno));
	duplicates = g_new0(struct ph_duplicates, 1);
	g_mutex_init(&duplicates->mutex);
	g_cond_init(&duplicates->done);
	g_cond_init(&duplicates->more);
	duplicates->dir = copy;
	duplicates->window = window;
	duplicates->span = MAX(window / SEGMENTS, 1000);
	duplicates->segments = g_ptr_array_new_with_free_func(segment_unref);
	duplicates->pending = g_byte_array_new();
	if (load(duplicates, err) < 0) {
		duplicates_free(duplicates);
		return -1;
	}
	ph_duplicates_expire(duplicates, now);
	*duplicates_r = duplicates;
	return 0;
}

/* With the mutex held. True: it is there; false: it may be in the files of
 * those that are put into maybe. */
static bool
find_in_memory(const struct ph_duplicates *duplicates, struct ph_copy_key key,
	       int64_t now, GPtrArray *maybe)
{
	for (guint i = duplicates->segments->len; i > 0; i--) {
		struct segment *segment = duplicates->segments->pdata[i - 1];

		if (segment->start + duplicates->span + duplicates->window <=
		    now)
			break;
		if (segment->keys && keys_have(segment, key))
			return true;
		if (!segment->keys && filter_has(segment, key))
			g_ptr_array_add(maybe,
					g_atomic_rc_box_acquire(segment));
	}
	return false;
}

int
ph_duplicates_find(struct ph_duplicates *duplicates, struct ph_copy_key key,
		   int64_t now, struct ph_err *err)
{
	g_autoptr(GPtrArray) maybe =
	    g_ptr_array_new_with_free_func(segment_unref);
	int r;

	g_mutex_lock(&duplicates->mutex);
	r = find_in_memory(duplicates, key, now, maybe);
	g_mutex_unlock(&duplicates->mutex);
	/* A disk that does not answer holds up nobody else. */
	for (guint i = 0; i < maybe->len && r == 0; i++)
		r = file_has(maybe->pdata[i], key);
	if (r < 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "duplicates: cannot read: %s",
				  g_strerror(errno));
	return r;
}

static struct segment *
newest(const struct ph_duplicates *duplicates)
{
	const GPtrArray *segments = duplicates->segments;

	return segments->len > 0 ? segments->pdata[segments->len - 1] : NULL;
}

/* The segment that "now" belongs to. After a clock that went back it is the
 * newest, so that order on disk stays order in time. */
static struct segment *
current(struct ph_duplicates *duplicates, int64_t now)
{
	struct segment *last = newest(duplicates);

	return last && now < last->start + duplicates->span &&
		       (last->size + duplicates->pending->len) / RECORD <
			   RECORDS_MAX
		   ? last
		   : NULL;
}

/* Opens or makes the segment's file. A segment whose file could not be made
 * remembers all the same, and tries again when it is to write. */
static int
need_file(struct ph_duplicates *duplicates, struct segment *segment,
	  struct ph_err *err)
{
	char name[NAME + 1];

	if (segment->fd >= 0)
		return 0;
	segment_name(segment->start, name);
	segment->fd = openat(duplicates->dir, name,
			     O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (segment->fd >= 0 && fsync(duplicates->dir) == 0)
		return 0;
	ph_err_set(err, PH_ERR_TEMP, "duplicates: cannot make %s: %s", name,
		   g_strerror(errno));
	ph_path_close(&segment->fd);
	return -1;
}

/* A failure shows when the record is written. */
static void
make_room(struct segment *segment)
{
	static const uint8_t zeros[AHEAD];
	ssize_t n;

	if (segment->size + RECORD <= segment->room)
		return;
	n = pwrite(segment->fd, zeros, AHEAD, (off_t)segment->size);
	if (n >= RECORD)
		segment->room =
		    segment->size + (uint64_t)n - (uint64_t)n % RECORD;
}

/* Of who writes alone. Part of a record: the next one is written over it. */
static int
write_records(struct segment *segment, const GByteArray *records,
	      struct ph_err *err)
{
	ssize_t n;

	make_room(segment);
	do
		n = pwrite(segment->fd, records->data, records->len,
			   (off_t)segment->size);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)records->len)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "duplicates: cannot write: %s",
			  n < 0 ? g_strerror(errno) : "disk full");
}

/* With the mutex held, which others have meanwhile, and nobody writes. What
 * could not be written stays pending. */
static int
write_once(struct ph_duplicates *duplicates, struct ph_err *err)
{
	struct segment *segment = g_atomic_rc_box_acquire(newest(duplicates));
	GByteArray *records = duplicates->pending;
	int r;

	duplicates->pending = g_byte_array_new();
	g_mutex_unlock(&duplicates->mutex);
	r = write_records(segment, records, err);
	g_mutex_lock(&duplicates->mutex);
	if (r == 0) {
		segment->size += records->len;
		duplicates->written += records->len / RECORD;
	} else {
		g_byte_array_prepend(duplicates->pending, records->data,
				     records->len);
	}
	g_byte_array_unref(records);
	segment_unref(segment);
	return r;
}

/* The same. What was added meanwhile it writes as well, but not for ever. */
static int
write_pending(struct ph_duplicates *duplicates, struct ph_err *err)
{
	int r = need_file(duplicates, newest(duplicates), err);

	duplicates->writing = true;
	for (int i = 0; i < ROUNDS && r == 0 && duplicates->pending->len > 0;
	     i++)
		r = write_once(duplicates, err);
	duplicates->writing = false;
	g_cond_broadcast(&duplicates->done);
	return r;
}

/* With the mutex held, which others have meanwhile: until so many of those that
 * were added are written. */
static int
flush(struct ph_duplicates *duplicates, uint64_t until, struct ph_err *err)
{
	while (duplicates->written < until)
		if (duplicates->writing)
			g_cond_wait(&duplicates->done, &duplicates->mutex);
		else if (write_pending(duplicates, err) < 0)
			return -1;
	return 0;
}

/* The segment before has all its records, or never gets them. */
static int
end_newest(struct ph_duplicates *duplicates, struct ph_err *err)
{
	struct segment *last = newest(duplicates);
	int r = last->fd >= 0 ? fdatasync(last->fd) : 0;

	if (r < 0)
		ph_err_set(err, PH_ERR_TEMP, "duplicates: cannot sync: %s",
			   g_strerror(errno));
	duplicates->failed |= duplicates->pending->len > 0;
	duplicates->written = duplicates->added;
	g_byte_array_set_size(duplicates->pending, 0);
	segment_shrink(last);
	return r;
}

/* Starts the segment of "now", unless somebody else has. The one before is
 * synced first, so that sync has only the newest to look after. */
static int
next_segment(struct ph_duplicates *duplicates, int64_t now, struct ph_err *err)
{
	struct segment *last;
	int r = flush(duplicates, duplicates->added, err);

	if (current(duplicates, now))
		return r;
	last = newest(duplicates);
	if (last) {
		if (end_newest(duplicates, err) < 0)
			r = -1;
		/* One that is full may have begun at the same moment. */
		now = MAX(now, last->start + 1);
	}
	g_ptr_array_add(duplicates->segments, segment_new(now, -1));
	return r;
}

static int
add_locked(struct ph_duplicates *duplicates, struct ph_copy_key key,
	   int64_t now, struct ph_err *err)
{
	uint8_t record[RECORD];
	int r = 0;

	if (!current(duplicates, now))
		r = next_segment(duplicates, now, err);
	segment_put(newest(duplicates), key);
	format_record(record, key, now);
	g_byte_array_append(duplicates->pending, record, RECORD);
	duplicates->added++;
	if (!duplicates->writing && write_pending(duplicates, err) < 0)
		return -1;
	return r;
}

int
ph_duplicates_add(struct ph_duplicates *duplicates, struct ph_copy_key key,
		  int64_t now, struct ph_err *err)
{
	int r;

	g_mutex_lock(&duplicates->mutex);
	r = add_locked(duplicates, key, now, err);
	g_mutex_unlock(&duplicates->mutex);
	return r;
}

/* Called and left with the mutex held; without it while the disk works. The
 * descriptor is a copy, since the segment may expire meanwhile. 0 or errno. */
static int
sync_newest(struct ph_duplicates *duplicates)
{
	const struct segment *last = newest(duplicates);
	int fd, r;

	if (!last || last->fd < 0)
		return 0;
	fd = fcntl(last->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	g_mutex_unlock(&duplicates->mutex);
	r = fdatasync(fd) < 0 ? errno : 0;
	g_mutex_lock(&duplicates->mutex);
	close(fd);
	return r;
}

/* The same, of so many that were added. */
static int
sync_locked(struct ph_duplicates *duplicates, uint64_t until,
	    struct ph_err *err)
{
	uint64_t target;
	int r = 0;

	if (flush(duplicates, until, err) < 0)
		return -1;
	while (r == 0 && duplicates->synced < until) {
		if (duplicates->syncing) {
			g_cond_wait(&duplicates->done, &duplicates->mutex);
			continue;
		}
		duplicates->syncing = true;
		target = duplicates->written;
		r = sync_newest(duplicates);
		duplicates->syncing = false;
		g_cond_broadcast(&duplicates->done);
		if (r == 0)
			duplicates->synced = target;
	}
	if (r == 0)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "duplicates: cannot sync: %s",
			  g_strerror(r));
}

int
ph_duplicates_sync(struct ph_duplicates *duplicates, struct ph_err *err)
{
	int r;

	g_mutex_lock(&duplicates->mutex);
	r = sync_locked(duplicates, duplicates->added, err);
	g_mutex_unlock(&duplicates->mutex);
	return r;
}

/* With the mutex held: a failure is not tried again before the next record. */
static void
sync_wanted(struct ph_duplicates *duplicates)
{
	struct ph_err err = PH_ERR_INIT;

	if (sync_locked(duplicates, duplicates->wanted, &err) == 0)
		return;
	if (!duplicates->failed)
		ph_warn("%s", err.text);
	duplicates->failed = true;
	duplicates->wanted = 0;
}

/* With the mutex held: what nobody waits for need not keep the disk from those
 * who wait for it. */
static void
let_gather(struct ph_duplicates *duplicates)
{
	const gint64 end =
	    g_get_monotonic_time() + GATHER_MS * G_TIME_SPAN_MILLISECOND;

	while (!duplicates->stop &&
	       g_cond_wait_until(&duplicates->more, &duplicates->mutex, end))
		;
}

static gpointer
run_syncer(gpointer p)
{
	struct ph_duplicates *duplicates = p;

	g_mutex_lock(&duplicates->mutex);
	for (;;) {
		duplicates->idle = duplicates->synced >= duplicates->wanted;
		if (duplicates->idle && duplicates->stop)
			break;
		if (duplicates->idle) {
			g_cond_wait(&duplicates->more, &duplicates->mutex);
			continue;
		}
		let_gather(duplicates);
		sync_wanted(duplicates);
		ph_fault(PH_FAULT_RECORD_SYNCED);
	}
	g_mutex_unlock(&duplicates->mutex);
	return NULL;
}

void
ph_duplicates_sync_soon(struct ph_duplicates *duplicates)
{
	g_mutex_lock(&duplicates->mutex);
	duplicates->wanted = duplicates->added;
	if (!duplicates->syncer)
		duplicates->syncer =
		    g_thread_new("duplicates", run_syncer, duplicates);
	if (duplicates->idle)
		g_cond_signal(&duplicates->more);
	g_mutex_unlock(&duplicates->mutex);
}

static void
stop_syncer(struct ph_duplicates *duplicates)
{
	if (!duplicates->syncer)
		return;
	g_mutex_lock(&duplicates->mutex);
	duplicates->stop = true;
	g_cond_signal(&duplicates->more);
	g_mutex_unlock(&duplicates->mutex);
	g_thread_join(duplicates->syncer);
}

int
ph_duplicates_close(struct ph_duplicates **duplicates, struct ph_err *err)
{
	bool failed;
	int r;

	if (!*duplicates)
		return 0;
	stop_syncer(*duplicates);
	failed = (*duplicates)->failed;
	r = ph_duplicates_sync(*duplicates, err);
	duplicates_free(g_steal_pointer(duplicates));
	if (r == 0 && failed)
		r = ph_err_set(err, PH_ERR_TEMP,
			       "duplicates: some were not synced");
	return r;
}

void
ph_duplicates_expire(struct ph_duplicates *duplicates, int64_t now)
{
	char name[NAME + 1];

	g_mutex_lock(&duplicates->mutex);
	while (duplicates->segments->len > 0) {
		const struct segment *oldest = duplicates->segments->pdata[0];

		if (oldest->start + duplicates->span + duplicates->window > now)
			break;
		segment_name(oldest->start, name);
		if (unlinkat(duplicates->dir, name, 0) < 0)
			ph_warn("duplicates: cannot remove %s: %s", name,
				g_strerror(errno));
		g_ptr_array_remove_index(duplicates->segments, 0);
	}
	g_mutex_unlock(&duplicates->mutex);
}
