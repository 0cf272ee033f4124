#include "lib/track/log.h"

#include "lib/base/log.h"

int
ph_track_log_configure(const struct ph_conf *conf, const char *prefix,
		       struct ph_track_log **log_r, struct ph_err *err)
{
	const struct ph_track_options options = {
	    .directory = ph_conf_text(conf, "tracking", "log_dir"),
	    .prefix = prefix,
	    .server = ph_conf_text(conf, "server", "name"),
	    .max_file_size = ph_conf_int(conf, "tracking", "max_file_size"),
	    .subjects = ph_conf_bool(conf, "tracking", "subjects"),
	};

	return ph_track_log_open(&options, log_r, err);
}

void
ph_track_log_tidy(struct ph_track_log *log, const struct ph_conf *conf)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_track_log_expire(
		log, ph_conf_int(conf, "tracking", "max_age"),
		ph_conf_int(conf, "tracking", "max_directory_size"), &err) < 0)
		ph_warn("%s", err.text);
}
