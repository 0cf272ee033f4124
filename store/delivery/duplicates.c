#include "store/delivery/duplicates.h"

#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "store/delivery/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

enum {
	SEGMENTS = 8,	 /* a window, at least */
	GATHER_MS = 100, /* records that nobody waits for */
	ROUNDS = 4,	 /* of writing what others have added */
	AT_ONCE = 1024 * PH_RECORD,
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
	uint64_t dropped;    /* those that count as written and are not */
	GByteArray *pending; /* those not written, of the newest segment */
	GByteArray *spare;   /* empty; of who writes */
	bool writing, syncing;
	/* Of the thread that syncs for those who do not wait. */
	GThread *syncer; /* NULL: not needed yet */
	GCond more;
	uint64_t wanted; /* as added */
	bool idle, stop, failed;
};

/* ---- reading ------------------------------------------------------------- */

static int
by_start(gconstpointer a, gconstpointer b)
{
	const struct ph_segment *x = *(struct ph_segment *const *)a;
	const struct ph_segment *y = *(struct ph_segment *const *)b;

	return (x->start > y->start) - (x->start < y->start);
}

static int
open_segment(struct ph_duplicates *duplicates, const char *name,
	     struct ph_err *err)
{
	struct ph_segment *segment;
	guint64 start;
	int fd;

	if (strlen(name) != PH_SEGMENT_NAME ||
	    !g_ascii_string_to_unsigned(name, 16, 0, INT64_MAX, &start, NULL))
		return 0;
	fd = openat(duplicates->dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "duplicates: cannot open %s: %s", name,
				  g_strerror(errno));
	segment = ph_segment_new((int64_t)start, fd);
	g_ptr_array_add(duplicates->segments, segment);
	return ph_segment_load(segment, err);
}

/* All but the newest of those that were read so far. */
static void
shrink_older(GPtrArray *segments)
{
	g_ptr_array_sort(segments, by_start);
	for (guint i = 0; i + 1 < segments->len; i++)
		ph_segment_shrink(segments->pdata[i]);
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
	g_byte_array_unref(duplicates->spare);
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
	duplicates->segments = g_ptr_array_new_with_free_func(ph_segment_unref);
	duplicates->pending = g_byte_array_new();
	duplicates->spare = g_byte_array_new();
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
		struct ph_segment *segment = duplicates->segments->pdata[i - 1];
		int known;

		if (segment->start + duplicates->span + duplicates->window <=
		    now)
			break;
		known = ph_segment_knows(segment, key);
		if (known == 1)
			return true;
		if (known < 0)
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
	    g_ptr_array_new_with_free_func(ph_segment_unref);
	int r;

	g_mutex_lock(&duplicates->mutex);
	r = find_in_memory(duplicates, key, now, maybe);
	g_mutex_unlock(&duplicates->mutex);
	/* A disk that does not answer holds up nobody else. */
	for (guint i = 0; i < maybe->len && r == 0; i++)
		r = ph_segment_file_has(maybe->pdata[i], key);
	if (r < 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "duplicates: cannot read: %s",
				  g_strerror(errno));
	return r;
}

static struct ph_segment *
newest(const struct ph_duplicates *duplicates)
{
	const GPtrArray *segments = duplicates->segments;

	return segments->len > 0 ? segments->pdata[segments->len - 1] : NULL;
}

/* The segment that "now" belongs to. After a clock that went back it is the
 * newest, so that order on disk stays order in time. */
static struct ph_segment *
current(struct ph_duplicates *duplicates, int64_t now)
{
	struct ph_segment *last = newest(duplicates);

	return last && now < last->start + duplicates->span &&
		       (last->size + duplicates->pending->len) / PH_RECORD <
			   PH_SEGMENT_RECORDS
		   ? last
		   : NULL;
}

/* With the mutex held, which others have meanwhile, and nobody writes. What
 * could not be written stays pending. */
static int
write_once(struct ph_duplicates *duplicates, struct ph_err *err)
{
	struct ph_segment *segment =
	    g_atomic_rc_box_acquire(newest(duplicates));
	GByteArray *records = duplicates->pending;
	guint size = MIN(records->len, AT_ONCE);
	int r;

	duplicates->pending = duplicates->spare;
	g_mutex_unlock(&duplicates->mutex);
	r = ph_segment_write(segment, records->data, size, err);
	g_mutex_lock(&duplicates->mutex);
	if (r == 0) {
		segment->size += size;
		duplicates->written += size / PH_RECORD;
		g_byte_array_remove_range(records, 0, size);
	}
	g_byte_array_prepend(duplicates->pending, records->data, records->len);
	g_byte_array_set_size(records, 0);
	duplicates->spare = records;
	ph_segment_unref(segment);
	return r;
}

/* The same. What was added meanwhile it writes as well, but not for ever. */
static int
write_pending(struct ph_duplicates *duplicates, struct ph_err *err)
{
	int r = ph_segment_need_file(newest(duplicates), duplicates->dir, err);

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
	const uint64_t dropped = duplicates->dropped;

	while (duplicates->written < until)
		if (duplicates->writing)
			g_cond_wait(&duplicates->done, &duplicates->mutex);
		else if (write_pending(duplicates, err) < 0)
			return -1;
	if (duplicates->dropped == dropped)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP,
			  "duplicates: some could not be written in time");
}

/* The same, until all is written and nobody writes: what is on its way belongs
 * to the newest segment. */
static int
flush_newest(struct ph_duplicates *duplicates, struct ph_err *err)
{
	while (duplicates->writing || duplicates->written < duplicates->added)
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
	struct ph_segment *last = newest(duplicates);
	int r = last->fd >= 0 ? fdatasync(last->fd) : 0;

	if (r < 0)
		ph_err_set(err, PH_ERR_TEMP, "duplicates: cannot sync: %s",
			   g_strerror(errno));
	duplicates->dropped += duplicates->pending->len / PH_RECORD;
	duplicates->written = duplicates->added;
	g_byte_array_set_size(duplicates->pending, 0);
	ph_segment_shrink(last);
	return r;
}

/* Starts the segment of "now", unless somebody else has. The one before is
 * synced first, so that sync has only the newest to look after. */
static int
next_segment(struct ph_duplicates *duplicates, int64_t now, struct ph_err *err)
{
	struct ph_segment *last;
	int r = flush_newest(duplicates, err);

	if (current(duplicates, now))
		return r;
	last = newest(duplicates);
	if (last) {
		if (end_newest(duplicates, err) < 0)
			r = -1;
		/* One that is full may have begun at the same moment. */
		now = MAX(now, last->start + 1);
	}
	g_ptr_array_add(duplicates->segments, ph_segment_new(now, -1));
	return r;
}

static int
add_locked(struct ph_duplicates *duplicates, struct ph_copy_key key,
	   int64_t now, struct ph_err *err)
{
	uint8_t record[PH_RECORD];
	int r = 0;

	if (!current(duplicates, now))
		r = next_segment(duplicates, now, err);
	ph_segment_put(newest(duplicates), key);
	ph_segment_format(record, key, now);
	g_byte_array_append(duplicates->pending, record, PH_RECORD);
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
	const struct ph_segment *last = newest(duplicates);
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
	failed = (*duplicates)->failed || (*duplicates)->dropped > 0;
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
	char name[PH_SEGMENT_NAME + 1];

	g_mutex_lock(&duplicates->mutex);
	while (duplicates->segments->len > 0) {
		const struct ph_segment *oldest =
		    duplicates->segments->pdata[0];

		if (oldest->start + duplicates->span + duplicates->window > now)
			break;
		/* Somebody is to write into it. */
		if (oldest == newest(duplicates) &&
		    duplicates->written < duplicates->added)
			break;
		ph_segment_name(oldest->start, name);
		if (unlinkat(duplicates->dir, name, 0) < 0)
			ph_warn("duplicates: cannot remove %s: %s", name,
				g_strerror(errno));
		g_ptr_array_remove_index(duplicates->segments, 0);
	}
	g_mutex_unlock(&duplicates->mutex);
}
