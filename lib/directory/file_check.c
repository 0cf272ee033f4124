#include "lib/directory/file_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A damaged tree can be a circle. */
#define CHECK_SECONDS 300

/* Numbers that LMDB gives to its own databases. */
enum { FREE_DB = 0, MAIN_DB = 1 };

/* Exit status of the child. */
enum { CHECK_WHOLE = 0, CHECK_DAMAGED = 1, CHECK_FAILED = 2 };

/*
 * All of this runs in a child of a process that has threads: memory of malloc
 * is safe there, GLib's allocator and locks are not.
 */
/* LMDB's own two have no rows that a format knows. */
static int
check_row(struct ph_dirfile *file, MDB_txn *txn, MDB_dbi db, const MDB_val *key,
	  const MDB_val *value)
{
	return db == FREE_DB || db == MAIN_DB
		   ? 0
		   : file->format->check(file, txn, db, key, value);
}

static int
walk(struct ph_dirfile *file, MDB_txn *txn, MDB_dbi db, size_t *n_r)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	MDB_stat stat;
	int rc = mdb_cursor_open(txn, db, &cursor);

	if (rc != 0)
		return rc;
	*n_r = 0;
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		rc = check_row(file, txn, db, &key, &value);
		if (rc != 0)
			break;
		++*n_r;
	}
	mdb_cursor_close(cursor);
	if (rc != MDB_NOTFOUND)
		return rc;
	rc = mdb_stat(txn, db, &stat);
	if (rc == 0 && stat.ms_entries != *n_r)
		rc = MDB_CORRUPTED;
	return rc;
}

/*
 * LMDB's own two first: free pages, which a writer would fall over, and the
 * names of the others. A file that has none of ours must be empty: its writer
 * was killed before its first transaction. What another format holds is for
 * whoever opens it to see.
 */
static int
walk_all(struct ph_dirfile *file, MDB_txn *txn)
{
	size_t n, names;
	int rc = walk(file, txn, FREE_DB, &n);

	if (rc == 0)
		rc = walk(file, txn, MAIN_DB, &names);
	if (rc != 0)
		return rc;
	rc = ph_dirfile_open_dbs(file, txn, false, file->db);
	if (rc == MDB_VERSION_MISMATCH)
		return 0;
	if (rc == MDB_NOTFOUND)
		return names == 0 ? 0 : MDB_CORRUPTED;
	for (size_t i = 0; rc == 0 && i < file->format->n_db; i++)
		rc = walk(file, txn, file->db[i], &n);
	return rc;
}

/* LMDB maps as much as the file says that it is large. If what it may be can be
 * mapped, but not that, then what it says is wrong. */
static bool
is_mappable(const struct ph_dirfile *file)
{
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && mmap(NULL, file->map_size, PROT_READ, MAP_SHARED, fd,
			       0) != MAP_FAILED;
}

static int
walk_file(struct ph_dirfile *file)
{
	MDB_txn *txn = NULL;
	MDB_env *env = NULL;
	int rc = mdb_env_create(&env);

	if (rc == 0)
		rc = mdb_env_set_maxdbs(env, PH_DIRFILE_DBS);
	if (rc == 0)
		rc = mdb_env_open(env, file->path,
				  MDB_NOSUBDIR | MDB_RDONLY | MDB_NOTLS, 0660);
	if ((rc == ENOMEM || rc == EINVAL) && is_mappable(file))
		rc = MDB_CORRUPTED;
	if (rc == 0)
		rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (rc == 0)
		rc = walk_all(file, txn);
	if (txn != NULL)
		mdb_txn_abort(txn);
	return rc;
}

static void
child(struct ph_dirfile *file)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGALRM, SIGILL};
	const struct rlimit no_core = {0, 0};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), rc;
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	if (null >= 0)
		(void)dup2(null, STDERR_FILENO);
	for (size_t i = 0; i < G_N_ELEMENTS(fatal); i++)
		(void)signal(fatal[i], SIG_DFL);
	(void)alarm(CHECK_SECONDS);
	rc = walk_file(file);
	if (rc == 0)
		_exit(CHECK_WHOLE);
	/* LMDB's own codes are negative: all are damage here, but for these. */
	_exit(rc > 0 || rc == MDB_READERS_FULL || rc == MDB_MAP_RESIZED
		  ? CHECK_FAILED
		  : CHECK_DAMAGED);
}

int
ph_dirfile_check(struct ph_dirfile *file, struct ph_err *err)
{
	int status = 0;
	pid_t pid, r;

	pid = fork();
	if (pid == 0)
		child(file);
	if (pid < 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: fork: %s", file->path,
				  g_strerror(errno));
	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: waitpid: %s",
				  file->path, g_strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_WHOLE)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_FAILED)
		return ph_err_set(err, PH_ERR_TEMP, "%s cannot be read",
				  file->path);
	return ph_err_set(err, PH_ERR_PERM, "%s is damaged", file->path);
}
