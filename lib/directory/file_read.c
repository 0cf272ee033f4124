#include "lib/directory/file_private.h"

/* Look-ups at once in one process: all processes share LMDB's 1,024 slots. */
#define POOL_LIMIT 64

static MDB_txn *
take_idle(struct ph_dirfile *file)
{
	MDB_txn *txn = NULL;

	g_mutex_lock(&file->pool_lock);
	while (file->pool->len == 0 && file->in_pool == POOL_LIMIT)
		g_cond_wait(&file->pool_free, &file->pool_lock);
	if (file->pool->len > 0)
		txn = g_ptr_array_steal_index_fast(file->pool,
						   file->pool->len - 1);
	else
		file->in_pool++;
	g_mutex_unlock(&file->pool_lock);
	return txn;
}

static void
give_back(struct ph_dirfile *file, MDB_txn *txn)
{
	if (txn != NULL)
		mdb_txn_reset(txn);
	g_mutex_lock(&file->pool_lock);
	if (txn != NULL)
		g_ptr_array_add(file->pool, txn);
	else
		file->in_pool--;
	g_cond_signal(&file->pool_free);
	g_mutex_unlock(&file->pool_lock);
}

static int
begin_read(struct ph_dirfile *file, MDB_txn **txn_r, struct ph_err *err)
{
	MDB_txn *txn = take_idle(file);
	int rc;

	if (txn != NULL) {
		rc = mdb_txn_renew(txn);
		if (rc != 0)
			mdb_txn_abort(txn);
	} else {
		rc = mdb_txn_begin(file->env, NULL, MDB_RDONLY, &txn);
	}
	if (rc != 0) {
		give_back(file, NULL);
		return ph_dirfile_fail(file, rc, "begin", err);
	}
	*txn_r = txn;
	return 0;
}

/* 1: looked; 0: not open, or not the file of that name any more; -1. */
static int
try_read(struct ph_dirfile *file,
	 int (*look)(struct ph_dirfile *file, MDB_txn *txn, void *arg,
		     struct ph_err *err),
	 void *arg, struct ph_err *err)
{
	MDB_txn *txn = NULL;
	int r = 0;

	g_rw_lock_reader_lock(&file->lock);
	if (file->env != NULL && (file->writer || !ph_dirfile_lost(file))) {
		r = begin_read(file, &txn, err);
		if (r == 0) {
			r = look(file, txn, arg, err);
			give_back(file, txn);
		}
		r = r < 0 ? -1 : 1;
	}
	g_rw_lock_reader_unlock(&file->lock);
	return r;
}

int
ph_dirfile_read(struct ph_dirfile *file,
		int (*look)(struct ph_dirfile *file, MDB_txn *txn, void *arg,
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
