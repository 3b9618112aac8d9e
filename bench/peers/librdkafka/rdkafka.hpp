// librdkafka's C interface, as far as the benchmark needs it, loaded from a shared library that is named at
// run time. Only the binary interface is used: structures and numbers that have been stable since its
// version 1.
#pragma once

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>

#include <dlfcn.h>
#include <sys/types.h>

namespace ottla::bench::rdkafka {

struct Client;
struct Conf;
struct Topic;
struct Queue;

struct Message {
    int error;
    Topic* topic;
    int32_t partition;
    void* payload;
    size_t size;
    void* key;
    size_t key_size;
    int64_t offset;
    void* opaque; ///< in delivery reports: as given to produce
};

struct TopicPartition {
    char* topic;
    int32_t partition;
    int64_t offset;
    void* metadata;
    size_t metadata_size;
    void* opaque;
    int error;
    void* own;
};

struct PartitionList;

inline constexpr int producer_type = 0;
inline constexpr int consumer_type = 1;
inline constexpr int copy_flag = 2;
inline constexpr int partition_flag = 8; ///< produce_batch: each message has a partition of its own
inline constexpr int queue_full = -184;
inline constexpr int partition_eof = -191;
inline constexpr int64_t beginning = -2;
inline constexpr int64_t end = -1;

/// Tags of producev's arguments.
enum Tag {
    tag_end = 0,
    tag_topic = 2,
    tag_partition = 3,
    tag_value = 4,
    tag_key = 5,
    tag_opaque = 6,
    tag_flags = 7
};

class Library {
public:
    explicit Library(const std::string& path)
        : handle_(::dlopen(path.c_str(), RTLD_NOW)) {
        if (!handle_)
            throw std::runtime_error(std::string("--library: ") + ::dlerror());
        load(version, "rd_kafka_version_str");
        load(conf_new, "rd_kafka_conf_new");
        load(conf_set, "rd_kafka_conf_set");
        load(conf_set_report, "rd_kafka_conf_set_dr_msg_cb");
        load(conf_set_error, "rd_kafka_conf_set_error_cb");
        load(conf_set_log, "rd_kafka_conf_set_log_cb");
        load(conf_set_opaque, "rd_kafka_conf_set_opaque");
        load(make, "rd_kafka_new");
        load(destroy, "rd_kafka_destroy");
        load(topic_new, "rd_kafka_topic_new");
        load(topic_destroy, "rd_kafka_topic_destroy");
        load(producev, "rd_kafka_producev");
        load(produce, "rd_kafka_produce");
        load(produce_batch, "rd_kafka_produce_batch");
        load(last_error, "rd_kafka_last_error");
        load(error_text, "rd_kafka_err2str");
        load(poll, "rd_kafka_poll");
        load(flush, "rd_kafka_flush");
        load(redirect_to_consumer, "rd_kafka_poll_set_consumer");
        load(list_new, "rd_kafka_topic_partition_list_new");
        load(list_add, "rd_kafka_topic_partition_list_add");
        load(list_destroy, "rd_kafka_topic_partition_list_destroy");
        load(assign, "rd_kafka_assign");
        load(subscribe, "rd_kafka_subscribe");
        load(consumer_queue, "rd_kafka_queue_get_consumer");
        load(queue_destroy, "rd_kafka_queue_destroy");
        load(consume_batch, "rd_kafka_consume_batch_queue");
        load(consumer_poll, "rd_kafka_consumer_poll");
        load(consumer_close, "rd_kafka_consumer_close");
        load(message_destroy, "rd_kafka_message_destroy");
    }

    const char* (*version)();
    Conf* (*conf_new)();
    int (*conf_set)(Conf*, const char* name, const char* value, char* error, size_t error_size);
    void (*conf_set_report)(Conf*, void (*)(Client*, const Message*, void* opaque));
    void (*conf_set_error)(Conf*, void (*)(Client*, int error, const char* reason, void* opaque));
    void (*conf_set_log)(Conf*, void (*)(const Client*, int level, const char* facility, const char* text));
    void (*conf_set_opaque)(Conf*, void*);
    Client* (*make)(int type, Conf*, char* error, size_t error_size);
    void (*destroy)(Client*);
    Topic* (*topic_new)(Client*, const char* name, void* conf);
    void (*topic_destroy)(Topic*);
    int (*producev)(Client*, ...);
    int (*produce
    )(Topic*,
      int32_t partition,
      int flags,
      void* value,
      size_t size,
      const void* key,
      size_t key_size,
      void* opaque);
    int (*produce_batch)(Topic*, int32_t partition, int flags, Message* messages, int count);
    int (*last_error)();
    const char* (*error_text)(int error);
    int (*poll)(Client*, int timeout_ms);
    int (*flush)(Client*, int timeout_ms);
    int (*redirect_to_consumer)(Client*);
    PartitionList* (*list_new)(int size);
    TopicPartition* (*list_add)(PartitionList*, const char* topic, int32_t partition);
    void (*list_destroy)(PartitionList*);
    int (*assign)(Client*, const PartitionList*);
    int (*subscribe)(Client*, const PartitionList*);
    Queue* (*consumer_queue)(Client*);
    void (*queue_destroy)(Queue*);
    ssize_t (*consume_batch)(Queue*, int timeout_ms, Message** messages, size_t count);
    Message* (*consumer_poll)(Client*, int timeout_ms);
    int (*consumer_close)(Client*);
    void (*message_destroy)(Message*);

private:
    template <class F>
    void load(F& function, const char* name) {
        function = reinterpret_cast<F>(::dlsym(handle_, name));
        if (!function)
            throw std::runtime_error(std::string("--library has no ") + name);
    }

    void* handle_;
};

} // namespace ottla::bench::rdkafka
