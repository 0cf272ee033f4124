#ifndef PLACE_H
#define PLACE_H

#include "lib/directory/file.h"
#include "lib/directory/file_private.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A directory file in a place of its own, and its writer in this process. */
#define MAP_SIZE (INT64_C(64) << 20)

struct place {
	char *dir, *path;
	struct ph_dirfile *file;	/* the writer's */
	struct ph_directory *directory; /* over it */
	GPtrArray *again;
};

G_GNUC_UNUSED static void
place_make(struct place *p)
{
	p->dir = unit_mkdir();
	p->path = g_build_filename(p->dir, "directory", NULL);
	p->file = NULL;
	p->directory = NULL;
	p->again = g_ptr_array_new_with_free_func(g_free);
}

G_GNUC_UNUSED static void
place_open(struct place *p)
{
	struct ph_err err = PH_ERR_INIT;

	p->file = ph_dirfile_new(p->path, MAP_SIZE, true);
	ck_assert_msg(ph_dirfile_open(p->file, &err) == 1, "%s", err.text);
	p->directory = ph_dirfile_directory(p->file);
}

G_GNUC_UNUSED static void
place_close(struct place *p)
{
	ph_directory_close(&p->directory);
	ph_dirfile_unref(&p->file);
}

G_GNUC_UNUSED static void
place_free(struct place *p)
{
	place_close(p);
	g_ptr_array_unref(p->again);
	g_free(p->path);
	unit_rmdir(&p->dir);
}

G_GNUC_UNUSED static struct ph_dirwrite *
begin(struct place *p)
{
	struct ph_dirwrite *write = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_dirwrite_begin(p->file, &write, &err) == 0, "%s",
		      err.text);
	return write;
}

G_GNUC_UNUSED static void
commit(struct ph_dirwrite *write)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_dirwrite_commit(&write, &err) == 0, "%s", err.text);
	ck_assert_ptr_null(write);
}

G_GNUC_UNUSED static void
put_in(struct ph_dirwrite *write, const char *name, const char *more)
{
	struct ph_object *entry = people_mailbox(name, more);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_dirwrite_put(write, entry, &err) == 0, "%s", err.text);
	ph_object_unref(&entry);
}

/* Each of these is a round and a transaction of its own. */
G_GNUC_UNUSED static void
put(struct place *p, const char *name, const char *more)
{
	struct ph_dirwrite *write = begin(p);

	ph_dirfile_round(p->file);
	put_in(write, name, more);
	commit(write);
}

G_GNUC_UNUSED static void
bad(struct place *p, const char *name)
{
	struct ph_dirwrite *write = begin(p);

	ck_assert_int_eq(ph_dirwrite_bad(write, name, "is odd", NULL), 0);
	commit(write);
}

/* Names to be read again, comma separated. */
G_GNUC_UNUSED static const char *
absent(struct place *p, const char *name)
{
	struct ph_dirwrite *write = begin(p);
	g_autofree char *names = NULL;

	g_ptr_array_set_size(p->again, 0);
	ck_assert_int_eq(ph_dirwrite_absent(write, name, p->again, NULL), 0);
	commit(write);
	g_ptr_array_add(p->again, NULL);
	names = g_strjoinv(",", (char **)p->again->pdata);
	return g_intern_string(names);
}

G_GNUC_UNUSED static void
complete(struct place *p)
{
	struct ph_dirwrite *write = begin(p);

	ck_assert_int_eq(ph_dirwrite_set_info(write, "complete", "1", NULL), 0);
	commit(write);
}

G_GNUC_UNUSED static uint64_t
errors(struct place *p)
{
	struct ph_dirwrite *write = begin(p);
	struct ph_dirfile_counts counts;

	ck_assert_int_eq(ph_dirwrite_counts(write, &counts, NULL), 0);
	ph_dirwrite_abort(&write);
	return counts.errors;
}

G_GNUC_UNUSED static size_t
last_txn(struct place *p)
{
	MDB_envinfo info;

	ck_assert_int_eq(mdb_env_info(p->file->env, &info), 0);
	return info.me_last_txnid;
}

G_GNUC_UNUSED static struct ph_directory *
reader_at(const char *path)
{
	struct ph_dirfile *file = ph_dirfile_new(path, MAP_SIZE, false);
	struct ph_directory *directory = ph_dirfile_directory(file);

	ph_dirfile_unref(&file);
	return directory;
}

#define TEMP ph_err_kind_name(PH_ERR_TEMP)
#define PERM ph_err_kind_name(PH_ERR_PERM)

/* In a process of its own, since no process may open a file twice. */
G_GNUC_UNUSED static int
in_child(void (*run)(struct place *p), struct place *p)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(p);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

#endif
