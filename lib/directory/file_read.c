#include "lib/directory/file_private.h"

void
ph_dirreader_free(struct ph_dirreader *reader)
{
	if (reader->owners != NULL)
		mdb_cursor_close(reader->owners);
	if (reader->txn != NULL)
		mdb_txn_abort(reader->txn);
	g_free(reader);
}

static int
begin_read(struct ph_dirfile *file, struct ph_dirreader **reader_r,
	   struct ph_err *err)
{
	struct ph_dirreader *reader = ph_dirpool_take(file->pool);
	int rc;

	if (reader != NULL) {
		rc = mdb_txn_renew(reader->txn);
	} else {
		reader = g_new0(struct ph_dirreader, 1);
		rc = mdb_txn_begin(file->env, NULL, MDB_RDONLY, &reader->txn);
	}
	if (rc != 0) {
		ph_dirreader_free(reader);
		ph_dirpool_give(file->pool, NULL);
		(void)ph_dirfile_fail(file, rc, "begin", err);
		return -1;
	}
	*reader_r = reader;
	return 0;
}

/* 1: looked; 0: not open, or not the file of that name any more; -1. */
static int
try_read(struct ph_dirfile *file,
	 int (*look)(struct ph_dirfile *file, struct ph_dirreader *reader,
		     void *arg, struct ph_err *err),
	 void *arg, struct ph_err *err)
{
	struct ph_dirreader *reader = NULL;
	int r = 0;

	g_rw_lock_reader_lock(&file->lock);
	if (file->env != NULL && (file->writer || !ph_dirfile_lost(file))) {
		r = begin_read(file, &reader, err);
		if (r == 0) {
			r = look(file, reader, arg, err);
			mdb_txn_reset(reader->txn);
			ph_dirpool_give(file->pool, reader);
		}
		r = r < 0 ? -1 : 1;
	}
	g_rw_lock_reader_unlock(&file->lock);
	return r;
}

int
ph_dirfile_read(struct ph_dirfile *file,
		int (*look)(struct ph_dirfile *file,
			    struct ph_dirreader *reader, void *arg,
			    struct ph_err *err),
		void *arg, struct ph_err *err)
{
	int r = try_read(file, look, arg, err);

	/* The writer's thread opens for the others of its process. */
	if (r != 0 || file->writer)
		return r;
	r = ph_dirfile_open(file, err);
	return r == 1 ? try_read(file, look, arg, err) : r;
}

int
ph_dirfile_need(struct ph_dirfile *file,
		int (*look)(struct ph_dirfile *file,
			    struct ph_dirreader *reader, void *arg,
			    struct ph_err *err),
		void *arg, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	int r = ph_dirfile_read(file, look, arg, &why);

	if (r == 0)
		return ph_err_set(
		    err, PH_ERR_TEMP,
		    "%s is not there yet; posthub-policy makes it", file->path);
	return r < 0 ? ph_err_set(err, PH_ERR_TEMP, "%s", why.text) : 0;
}
