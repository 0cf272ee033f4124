#include "store/submission/outbox.h"

#include "lib/base/clock.h"
#include "store/mailbox/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	QUIET_MS = 2000, /* since the last change */
	LOOK_MS = 1000,	 /* between two looks at one that is not complete */
};

struct sight {
	int64_t size;  /* -1: not looked at since it is settled */
	int64_t mtime; /* ms */
	int64_t since; /* monotonic ms: with that size and time */
	bool settled;
};

struct ph_outbox {
	struct ph_box_name *name;
	GHashTable *sights; /* "new/<file>": struct sight */
};

/* One look. */
struct look {
	struct ph_outbox *outbox;
	struct ph_queue *queue;
	GHashTable *sights; /* of what is there now */
	GHashTable *bases;  /* of everything that is there */
	int64_t again;
};

struct ph_outbox *
ph_outbox_new(const struct ph_box_name *name)
{
	struct ph_outbox *outbox = g_new0(struct ph_outbox, 1);

	outbox->name = ph_box_name_copy(name);
	outbox->sights =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return outbox;
}

void
ph_outbox_free(struct ph_outbox **outbox)
{
	if (*outbox == NULL)
		return;
	ph_box_name_free(&(*outbox)->name);
	g_hash_table_unref((*outbox)->sights);
	g_free(*outbox);
	*outbox = NULL;
}

const struct ph_box_name *
ph_outbox_name(const struct ph_outbox *outbox)
{
	return outbox->name;
}

void
ph_outbox_settled(struct ph_outbox *outbox, const char *part, const char *file)
{
	char *key = g_strjoin("/", part, file, NULL);
	struct sight *sight = g_new0(struct sight, 1);

	sight->size = -1;
	sight->settled = true;
	g_hash_table_replace(outbox->sights, key, sight);
}

static void
note_again(struct look *look, int64_t ms)
{
	if (look->again < 0 || ms < look->again)
		look->again = ms;
}

/* Its time may be one to come, if the clock was set. */
static bool
is_quiet(const struct sight *sight)
{
	return sight->mtime + QUIET_MS <= ph_clock_wall() ||
	       sight->since + QUIET_MS <= ph_clock_mono();
}

/* Is the file complete? What is seen is kept for the next look. */
static bool
is_complete(struct look *look, const char *part, const char *file,
	    const struct stat *st)
{
	char *key = g_strjoin("/", part, file, NULL);
	const struct sight *last =
	    g_hash_table_lookup(look->outbox->sights, key);
	struct sight *now = g_new0(struct sight, 1);
	bool same, complete;

	now->size = (int64_t)st->st_size;
	now->mtime =
	    (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
	same = last != NULL && last->size == now->size &&
	       last->mtime == now->mtime;
	now->since = same ? last->since : ph_clock_mono();
	now->settled =
	    last != NULL && last->settled && (same || last->size < 0);
	complete = now->settled || (same && is_quiet(now));
	g_hash_table_replace(look->sights, key, now);
	return complete;
}

static void
offer(struct look *look, const char *part, const char *file)
{
	int64_t wait =
	    ph_queue_offer(look->queue, look->outbox->name, part, file);

	/* Nobody tells how a try has ended. */
	note_again(look, wait > 0 ? wait : LOOK_MS);
}

static int
look_at_items(struct look *look, struct ph_box *box, struct ph_err *err)
{
	g_autoptr(GPtrArray) names = NULL;

	if (ph_box_items(box, &names, err) < 0)
		return -1;
	for (guint i = 0; i < names->len; i++) {
		g_hash_table_add(look->bases, ph_box_base(names->pdata[i]));
		offer(look, NULL, names->pdata[i]);
	}
	return 0;
}

static void
look_at_file(struct look *look, int dir, const char *part, const char *file)
{
	char *base = ph_box_base(file);
	struct stat st;

	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode)) {
		g_free(base);
		return;
	}
	/* One of the same name as one that was claimed comes after that. */
	if (g_hash_table_add(look->bases, base) &&
	    is_complete(look, part, file, &st))
		offer(look, part, file);
	else
		note_again(look, LOOK_MS);
}

static int
look_at_part(struct look *look, struct ph_box *box, const char *part,
	     struct ph_err *err)
{
	struct dirent *entry;
	DIR *stream;
	int fd, r = ph_box_folder(box, ".Outbox", part, &fd, err);

	if (r != 1)
		return r;
	stream = fdopendir(fd);
	if (stream == NULL) {
		ph_path_close(&fd);
		return ph_err_set(err, PH_ERR_TEMP, "cannot read .Outbox/%s",
				  part);
	}
	while ((errno = 0, entry = readdir(stream)) != NULL)
		if (entry->d_name[0] != '.')
			look_at_file(look, fd, part, entry->d_name);
	r = errno == 0
		? 1
		: ph_err_set(err, PH_ERR_TEMP, "cannot read .Outbox/%s: %s",
			     part, g_strerror(errno));
	closedir(stream);
	return r;
}

static bool
is_there(const char *base, const void *context)
{
	return g_hash_table_contains((GHashTable *)context, base);
}

int
ph_outbox_look(struct ph_outbox *outbox, struct ph_box *box,
	       struct ph_queue *queue, int64_t *again_r, bool *holds_r,
	       struct ph_err *err)
{
	g_autoptr(GHashTable) sights =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GHashTable) bases =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct look look = {outbox, queue, sights, bases, -1};
	/* A message moves from the Outbox to items/ and back while this looks,
	 * but not where nobody works on one when it begins: only this thread
	 * offers them, and what it offers it has seen. */
	const bool idle = !ph_queue_works(queue, outbox->name);

	*again_r = LOOK_MS;
	if (look_at_items(&look, box, err) < 0 ||
	    look_at_part(&look, box, "new", err) < 0 ||
	    look_at_part(&look, box, "cur", err) < 0)
		return -1;
	if (idle)
		ph_box_sweep(box, is_there, bases);
	g_hash_table_unref(outbox->sights);
	outbox->sights = g_hash_table_ref(sights);
	*again_r = look.again;
	*holds_r = g_hash_table_size(bases) > 0;
	return 1;
}
