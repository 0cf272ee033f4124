#include "milters/transport/rules/condition.h"

const struct ph_condition ph_conditions[] = {
    {
	.name = "FromScope",
	.level = PH_LEVEL_MESSAGE,
	.needs = PH_NEED_HEADERS | PH_NEED_DIRECTORY,
	.help = "the sender is inside or outside the organisation",
	.compare = &ph_compare_scope,
	.value = ph_subject_from_scope,
    },
    {
	.name = "HeaderContainsWords",
	.with = "HeaderContainsMessageHeader",
	.level = PH_LEVEL_MESSAGE,
	.needs = PH_NEED_HEADERS,
	.help = "a header field holds one of the words",
	.compare = &ph_compare_words,
	.value = ph_subject_header,
    },
    {
	.name = "SubjectContainsWords",
	.level = PH_LEVEL_MESSAGE,
	.needs = PH_NEED_HEADERS,
	.help = "the subject holds one of the words",
	.compare = &ph_compare_words,
	.value = ph_subject_subject,
    },
    {.name = NULL},
};
