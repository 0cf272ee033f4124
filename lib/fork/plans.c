#include "lib/fork/plan_private.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * <id>.json is a plan, <id>.<i>.done an empty file that says that its i-th
 * group was carried out, <id>.<i>.told has a line with the index of each
 * recipient of whom the sender was told before that, .<id>.tmp and
 * .<id>.<i>.tmp are a plan and such a file that is being written.
 */
#define PLAN ".json"
#define NOTE ".done"
#define TOLD ".told"
#define TEMPORARY ".tmp"

struct ph_plans {
	char *path;
	int directory;
};

int
ph_plans_open(const char *directory, struct ph_plans **plans_r,
	      struct ph_err *err)
{
	struct ph_plans *plans;
	int fd;

	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return ph_err_set(err, PH_ERR_PERM, "%s: %s", directory,
				  g_strerror(errno));
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ph_err_set(err, PH_ERR_PERM, "%s: %s", directory,
				  g_strerror(errno));
	plans = g_new0(struct ph_plans, 1);
	plans->path = g_strdup(directory);
	plans->directory = fd;
	*plans_r = plans;
	return 0;
}

void
ph_plans_close(struct ph_plans **plans)
{
	if (*plans == NULL)
		return;
	close((*plans)->directory);
	g_free((*plans)->path);
	g_free(*plans);
	*plans = NULL;
}

static int
failed(const struct ph_plans *plans, const char *name, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "%s/%s: %s", plans->path, name,
			  g_strerror(errno));
}

/* ---- writing ----------------------------------------------------------- */

/* What cannot be read again is not written: the sender hears it while there
 * is still somebody to hear it. */
static int
check(const char *text, size_t size, struct ph_err *err)
{
	struct ph_plan *again = NULL;

	if (ph_plan_parse(text, size, &again, err) < 0) {
		if (err != NULL)
			err->kind = PH_ERR_TEMP;
		return ph_err_wrap(err, "plan is not fit to be written");
	}
	ph_plan_free(&again);
	return 0;
}

/* Written and synced under a temporary name. */
static int
stage(const struct ph_plans *plans, const char *name, const char *text,
      size_t size, struct ph_err *err)
{
	int fd = openat(plans->directory, name,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return failed(plans, name, err);
	rc = ph_file_write(fd, text, size) < 0 || fsync(fd) < 0
		 ? failed(plans, name, err)
		 : 0;
	if (close(fd) < 0 && rc == 0)
		rc = failed(plans, name, err);
	return rc;
}

static void
remove_notes(const struct ph_plans *plans, const struct ph_plan *plan)
{
	for (guint i = 0; i < plan->groups->len; i++) {
		g_autofree char *token = ph_plan_token(plan, i);
		g_autofree char *done = g_strconcat(token, NOTE, NULL);
		g_autofree char *told = g_strconcat(token, TOLD, NULL);

		unlinkat(plans->directory, done, 0);
		unlinkat(plans->directory, told, 0);
	}
}

static int
publish(const struct ph_plans *plans, const char *from, const char *to,
	struct ph_err *err)
{
	int rc;

	if (renameat(plans->directory, from, plans->directory, to) < 0)
		return failed(plans, to, err);
	if (fsync(plans->directory) == 0)
		return 0;
	rc = failed(plans, to, err);
	unlinkat(plans->directory, to, 0);
	return rc;
}

int
ph_plans_write(struct ph_plans *plans, const struct ph_plan *plan,
	       struct ph_err *err)
{
	size_t size;
	g_autofree char *text = ph_plan_format(plan, &size);
	g_autofree char *from = NULL, *to = NULL;

	if (check(text, size, err) < 0)
		return -1;
	from = g_strconcat(".", plan->id, TEMPORARY, NULL);
	to = g_strconcat(plan->id, PLAN, NULL);
	/* An id may come again: of a plan that is gone by now these would say
	 * that this one was carried out. */
	remove_notes(plans, plan);
	if (stage(plans, from, text, size, err) < 0 ||
	    publish(plans, from, to, err) < 0) {
		unlinkat(plans->directory, from, 0);
		return -1;
	}
	ph_fault(PH_FAULT_FORK_PLAN_WRITTEN);
	return 0;
}

/* ---- reading ----------------------------------------------------------- */

static int
read_all(const struct ph_plans *plans, int fd, const char *name, char *text,
	 size_t size, struct ph_err *err)
{
	ssize_t n = ph_file_read(fd, text, size);

	if (n < 0)
		return failed(plans, name, err);
	if ((size_t)n < size)
		return ph_err_set(err, PH_ERR_PERM,
				  "%s/%s: shorter than it was", plans->path,
				  name);
	return 0;
}

/* 1, 0 there is no such file, -1. */
static int
load(const struct ph_plans *plans, const char *name, char **text_r,
     size_t *size_r, struct ph_err *err)
{
	int fd =
	    openat(plans->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	g_autofree char *text = NULL;
	struct stat st;
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : failed(plans, name, err);
	if (fstat(fd, &st) < 0) {
		rc = failed(plans, name, err);
	} else if (!S_ISREG(st.st_mode) || st.st_size > (off_t)PH_PLAN_LIMIT) {
		rc = ph_err_set(err, PH_ERR_PERM, "%s/%s: no plan", plans->path,
				name);
	} else {
		*size_r = (size_t)st.st_size;
		text = g_malloc(*size_r + 1);
		rc = read_all(plans, fd, name, text, *size_r, err);
	}
	close(fd);
	if (rc < 0)
		return -1;
	*text_r = g_steal_pointer(&text);
	return 1;
}

/* The plan of an id that is one. */
static int
read_plan(const struct ph_plans *plans, const char *id, struct ph_plan **plan_r,
	  struct ph_err *err)
{
	g_autofree char *name = g_strconcat(id, PLAN, NULL);
	g_autofree char *text = NULL;
	size_t size = 0;
	int rc = load(plans, name, &text, &size, err);

	if (rc <= 0)
		return rc;
	if (ph_plan_parse(text, size, plan_r, err) < 0)
		return ph_err_wrap(err, "%s/%s", plans->path, name);
	if (strcmp((*plan_r)->id, id) == 0)
		return 1;
	ph_plan_free(plan_r);
	return ph_err_set(err, PH_ERR_PERM, "%s/%s: the plan of another id",
			  plans->path, name);
}

int
ph_plans_read(struct ph_plans *plans, const char *token,
	      struct ph_plan **plan_r, size_t *group_r, struct ph_err *err)
{
	g_autofree char *id = NULL;
	int rc;

	if (ph_plan_token_split(token, &id, group_r) == 0)
		return 0;
	rc = read_plan(plans, id, plan_r, err);
	if (rc <= 0 || *group_r < (*plan_r)->groups->len)
		return rc;
	ph_plan_free(plan_r);
	return 0;
}

/* ---- notes ------------------------------------------------------------- */

/* The name of a token's note, g_free; NULL: it is no token. */
static char *
note_name(const char *token, const char *before, const char *after,
	  struct ph_err *err)
{
	g_autofree char *id = NULL;
	size_t group;

	if (ph_plan_token_split(token, &id, &group) == 1)
		return g_strdup_printf("%s%s.%zu%s", before, id, group, after);
	ph_err_set(err, PH_ERR_PERM, "\"%.80s\" is no token", token);
	return NULL;
}

int
ph_plans_is_done(struct ph_plans *plans, const char *token, struct ph_err *err)
{
	g_autofree char *name = note_name(token, "", NOTE, err);

	if (name == NULL)
		return -1;
	if (faccessat(plans->directory, name, F_OK, 0) == 0)
		return 1;
	return errno == ENOENT ? 0 : failed(plans, name, err);
}

int
ph_plans_note_done(struct ph_plans *plans, const char *token,
		   struct ph_err *err)
{
	g_autofree char *name = note_name(token, "", NOTE, err);
	int fd, rc = 0;

	if (name == NULL)
		return -1;
	fd = openat(plans->directory, name,
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(plans, name, err);
	if (fsync(fd) < 0 || fsync(plans->directory) < 0)
		rc = failed(plans, name, err);
	close(fd);
	return rc;
}

static int
parse_told(const char *text, size_t size, GArray *told, struct ph_err *err)
{
	const char *end = text + size;

	while (text < end) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		g_autofree char *line =
		    g_strndup(text, (size_t)((lf ? lf : end) - text));
		guint64 index;
		guint one;

		if (lf == NULL || !g_ascii_string_to_unsigned(
				      line, 10, 0, G_MAXUINT - 1, &index, NULL))
			return ph_err_set(err, PH_ERR_PERM,
					  "\"%.40s\" is no recipient", line);
		one = (guint)index;
		g_array_append_val(told, one);
		text = lf + 1;
	}
	return 0;
}

int
ph_plans_read_told(struct ph_plans *plans, const char *token, GArray **told_r,
		   struct ph_err *err)
{
	g_autofree char *name = note_name(token, "", TOLD, err);
	g_autoptr(GArray) told = g_array_new(FALSE, FALSE, sizeof(guint));
	g_autofree char *text = NULL;
	size_t size;
	int rc = name == NULL ? -1 : load(plans, name, &text, &size, err);

	if (rc < 0)
		return -1;
	if (rc > 0 && parse_told(text, size, told, err) < 0)
		return ph_err_wrap(err, "%s/%s", plans->path, name);
	*told_r = g_steal_pointer(&told);
	return 0;
}

int
ph_plans_note_told(struct ph_plans *plans, const char *token,
		   const GArray *told, struct ph_err *err)
{
	g_autofree char *to = note_name(token, "", TOLD, err);
	g_autofree char *from = note_name(token, ".", TEMPORARY, err);
	g_autoptr(GString) text = g_string_new(NULL);

	if (to == NULL || from == NULL)
		return -1;
	for (guint i = 0; i < told->len; i++)
		g_string_append_printf(text, "%u\n",
				       g_array_index(told, guint, i));
	if (stage(plans, from, text->str, text->len, err) < 0) {
		unlinkat(plans->directory, from, 0);
		return -1;
	}
	if (renameat(plans->directory, from, plans->directory, to) < 0 ||
	    fsync(plans->directory) < 0)
		return failed(plans, to, err);
	return 0;
}

/* ---- tidying ----------------------------------------------------------- */

static bool
is_old(const struct ph_plans *plans, const char *name, int64_t before)
{
	struct stat st;

	if (fstatat(plans->directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return S_ISREG(st.st_mode) && (int64_t)st.st_mtim.tv_sec * 1000 +
					      st.st_mtim.tv_nsec / 1000000 <
					  before;
}

static guint
count_open(struct ph_plans *plans, const struct ph_plan *plan)
{
	guint n = 0;

	for (guint i = 0; i < plan->groups->len; i++) {
		g_autofree char *token = ph_plan_token(plan, i);

		n += ph_plans_is_done(plans, token, NULL) == 0;
	}
	return n;
}

/* The plan before its notes: without them it would be carried out again. */
static bool
remove_plan(struct ph_plans *plans, const char *name)
{
	g_autofree char *id = g_strndup(name, strlen(name) - strlen(PLAN));
	struct ph_plan *plan = NULL;
	struct ph_err err = PH_ERR_INIT;
	guint left;

	if (!ph_plan_id_valid(id))
		return false;
	if (read_plan(plans, id, &plan, &err) < 0)
		ph_warn("%s; removed, since it is old", err.text);
	left = plan != NULL ? count_open(plans, plan) : 0;
	if (left > 0)
		ph_log(PH_LOG_WARN, plan->queue_id,
		       "plan %s was never carried out: %u of %u outcomes were "
		       "not asked for by the queue",
		       id, left, plan->groups->len);
	if (unlinkat(plans->directory, name, 0) < 0) {
		ph_warn("%s/%s: %s", plans->path, name, g_strerror(errno));
		ph_plan_free(&plan);
		return false;
	}
	if (plan != NULL)
		remove_notes(plans, plan);
	ph_plan_free(&plan);
	return true;
}

/* A note outlives its plan only when its removal was cut short. */
static bool
is_orphan(const struct ph_plans *plans, const char *name)
{
	g_autofree char *plan = NULL;

	if (g_str_has_suffix(name, TEMPORARY))
		return true;
	if (!g_str_has_suffix(name, NOTE) && !g_str_has_suffix(name, TOLD))
		return false;
	plan = g_strdup_printf("%.*s" PLAN, (int)strcspn(name, "."), name);
	return faccessat(plans->directory, plan, F_OK, 0) < 0 &&
	       errno == ENOENT;
}

/* As in a directory that changes meanwhile: all names first. */
static GPtrArray *
old_names(const struct ph_plans *plans, int64_t before)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	int fd =
	    openat(plans->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		ph_warn("%s: %s", plans->path, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return names;
	}
	while ((entry = readdir(dir)) != NULL)
		if (is_old(plans, entry->d_name, before))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	closedir(dir);
	return names;
}

size_t
ph_plans_tidy(struct ph_plans *plans, int64_t lifetime)
{
	g_autoptr(GPtrArray) names =
	    old_names(plans, ph_clock_wall() - lifetime);
	size_t n = 0;

	for (guint i = 0; i < names->len; i++)
		if (g_str_has_suffix(names->pdata[i], PLAN))
			n += remove_plan(plans, names->pdata[i]);
	for (guint i = 0; i < names->len; i++)
		if (is_orphan(plans, names->pdata[i]))
			unlinkat(plans->directory, names->pdata[i], 0);
	return n;
}
