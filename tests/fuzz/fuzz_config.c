// SPDX-License-Identifier: BSD-3-Clause
// The configuration file: any text is either a configuration or a list of what is wrong, each with
// its line and with what would be right.
#include "config.h"
#include "fuzz.h"

#include <string.h>

// libconfig 1.5 does not free the text that it was reading when the file ends within it.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config_errors errors;
	struct config_diff diff;
	struct config *config;
	char *text;

	text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	config = config_parse(text, "f.conf", &errors);
	free(text);
	FUZZ_CHECK((config == NULL) == (errors.n > 0));
	for (uint32_t i = 0; i < errors.n && i < CONFIG_ERRORS; i++) {
		FUZZ_CHECK(strncmp(errors.text[i], "f.conf:", 7) == 0);
		FUZZ_CHECK(strlen(errors.text[i]) < sizeof(errors.text[i]));
	}
	if (config == NULL)
		return 0;
	config_diff(config, config, &diff);
	FUZZ_CHECK(!diff.dataplane && !diff.proposals && !diff.lifetimes && !diff.pools &&
		!diff.profiles && !diff.peers && !diff.connections && !diff.other);
	config_free(config);
	return 0;
}
