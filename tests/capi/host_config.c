/* SPDX-License-Identifier: MIT
 *
 * Chapters 2 to 4 of mempool.h: version, status, configuration.
 */
#include "host.h"

#include <stdio.h>

static void versions_fit(void) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", MEMPOOL_VERSION_MAJOR, MEMPOOL_VERSION_MINOR, MEMPOOL_VERSION_PATCH);
    CHECK(api.version() == MEMPOOL_VERSION);
    CHECK(strcmp(api.version_text(), text) == 0);
    CHECK_STATUS(api.abi_check(MEMPOOL_VERSION), MEMPOOL_OK);
    CHECK_STATUS(api.abi_check(MEMPOOL_VERSION + 1000000), MEMPOOL_UNSUPPORTED);
    CHECK(api.has_feature("network") == 1);
    CHECK(api.has_feature("websocket") == 1);
    CHECK(api.has_feature("teleport") == 0);
    CHECK(api.has_feature(NULL) == 0);
}

static void statuses_have_names(void) {
    for (mempool_status status = MEMPOOL_OK; status <= MEMPOOL_INTERNAL; ++status) {
        CHECK_TEXT(api.status_name(status), "MEMPOOL_");
        CHECK(strcmp(api.status_name(status), "MEMPOOL_UNKNOWN") != 0);
        CHECK(strlen(api.status_text(status)) > 0);
    }
    CHECK(strcmp(api.status_name(MEMPOOL_FULL), "MEMPOOL_FULL") == 0);
    CHECK(strcmp(api.status_name(MEMPOOL_INTERNAL + 1), "MEMPOOL_UNKNOWN") == 0);
    CHECK(strcmp(api.status_name(-1), "MEMPOOL_UNKNOWN") == 0);
}

static mempool_option_view option_at(size_t index) {
    mempool_option_view option;
    memset(&option, 0, sizeof option);
    option.struct_size = sizeof option;
    CHECK_STATUS(api.option_at(index, &option), MEMPOOL_OK);
    return option;
}

static void options_are_listed(void) {
    const size_t count = api.option_count();
    mempool_config *config = NULL;
    int ports = 0;
    CHECK(count >= 14);
    CHECK_STATUS(api.config_new(&config), MEMPOOL_OK);
    for (size_t index = 0; index < count; ++index) {
        const mempool_option_view option = option_at(index);
        int64_t number = -1;
        const char *text = NULL;
        CHECK(option.name != NULL && option.unit != NULL && option.doc != NULL && option.default_text != NULL);
        CHECK_TEXT(option.since, "0.");
        CHECK(option.minimum <= option.maximum);
        if (option.type == MEMPOOL_OPTION_TEXT) {
            CHECK_STATUS(api.config_get_text(config, option.name, &text), MEMPOOL_OK);
            CHECK(text != NULL && strcmp(text, option.default_text) == 0);
            CHECK_STATUS(api.config_get_int(config, option.name, &number), MEMPOOL_INVALID);
        } else {
            CHECK_STATUS(api.config_get_int(config, option.name, &number), MEMPOOL_OK);
            CHECK(number == option.default_int);
            CHECK(option.minimum <= number && number <= option.maximum);
        }
        CHECK_STATUS(api.config_set_text(config, option.name, option.default_text), MEMPOOL_OK);
        if (strcmp(option.name, "listen_port") == 0) {
            ++ports;
            CHECK(option.type == MEMPOOL_OPTION_INT);
            CHECK(option.minimum == 0 && option.maximum == 65535 && option.default_int == 3000);
        }
    }
    CHECK(ports == 1);
    mempool_option_view past;
    memset(&past, 0, sizeof past);
    past.struct_size = sizeof past;
    CHECK_STATUS(api.option_at(count, &past), MEMPOOL_NOT_FOUND);
    api.config_free(config);
    api.config_free(NULL);
}

static void bad_options_are_explained(void) {
    static const struct {
        const char *option, *given;
        mempool_status status;
        const char *says[3];
    } rows[] = {
        {"listen_port", "65536", MEMPOOL_INVALID, {"listen_port", "65536", "65535"}},
        {"listen_port", "-1", MEMPOOL_INVALID, {"listen_port", "-1", "65535"}},
        {"listen_port", "many", MEMPOOL_INVALID, {"listen_port", "many", "65535"}},
        {"listen_port", "", MEMPOOL_INVALID, {"listen_port", "65535", ""}},
        {"listen_port", "30 ", MEMPOOL_INVALID, {"listen_port", "65535", ""}},
        {"ring_capacity", "0", MEMPOOL_INVALID, {"ring_capacity", "0", "1048576"}},
        {"queue_capacity", "0", MEMPOOL_INVALID, {"queue_capacity", "0", "4194304"}},
        {"tx_max_bytes", "99999999999999999999", MEMPOOL_INVALID, {"tx_max_bytes", "16777216", ""}},
        {"listen_prot", "3000", MEMPOOL_NOT_FOUND, {"listen_prot", "", ""}},
        {"", "3000", MEMPOOL_NOT_FOUND, {"", "", ""}},
    };
    mempool_config *config = NULL;
    int64_t port = 0;
    CHECK_STATUS(api.config_new(&config), MEMPOOL_OK);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; ++row) {
        CHECK_STATUS(api.config_set_text(config, rows[row].option, rows[row].given), rows[row].status);
        for (int part = 0; part < 3; ++part) CHECK_TEXT(api.error_detail(), rows[row].says[part]);
    }
    CHECK_STATUS(api.config_set_int(config, "listen_port", 70000), MEMPOOL_INVALID);
    CHECK_TEXT(api.error_detail(), "70000");
    CHECK_STATUS(api.config_set_int(config, "listen_host", 1), MEMPOOL_INVALID);
    CHECK_TEXT(api.error_detail(), "listen_host");
    CHECK_STATUS(api.config_get_int(config, "listen_port", &port), MEMPOOL_OK);
    CHECK(port == 3000); /* what was refused has changed nothing */
    CHECK_STATUS(api.config_set_int(NULL, "listen_port", 0), MEMPOOL_INVALID);
    CHECK_STATUS(api.config_set_int(config, NULL, 0), MEMPOOL_INVALID);
    api.config_free(config);
}

static void environment_is_read_when_asked(void) {
    mempool_config *config = NULL;
    int64_t value = 0;
    CHECK_STATUS(api.config_new(&config), MEMPOOL_OK);
    setenv("MEMPOOL_BATCH_MAX", "7", 1);
    setenv("MEMPOOL_SERVICE_HOST", "10.0.0.1", 1);
    CHECK_STATUS(api.config_load_env(config), MEMPOOL_OK);
    CHECK_STATUS(api.config_get_int(config, "batch_max", &value), MEMPOOL_OK);
    CHECK(value == 7);
    setenv("MEMPOOL_BATCH_MAX", "seven", 1);
    CHECK_STATUS(api.config_load_env(config), MEMPOOL_INVALID);
    CHECK_TEXT(api.error_detail(), "MEMPOOL_BATCH_MAX");
    unsetenv("MEMPOOL_BATCH_MAX");
    unsetenv("MEMPOOL_SERVICE_HOST");
    api.config_free(config);
}

const Test config_tests[] = {
    {"the loaded library is the one that the header describes", versions_fit},
    {"every status has a name and a sentence", statuses_have_names},
    {"every option is listed with its range and is at its default", options_are_listed},
    {"a bad option is refused by name, with what was given and what is allowed", bad_options_are_explained},
    {"the environment is read when asked, other variables are left alone", environment_is_read_when_asked},
    {NULL, NULL},
};
