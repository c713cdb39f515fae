#ifndef DORMOUSE_H
#define DORMOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Dormouse runs untrusted Python, JavaScript and WASI programs without ever
 * generating code. This is all that a C program needs to know of it.
 *
 * Handles. What a function gives as a pointer that is not const is the caller's,
 * who frees it by the function of its type, dormouse_TYPE_free, once, when no
 * other thread uses it; NULL is passed over there. What was made from a handle
 * keeps what it needs of that: an image may be freed while its sessions live.
 *
 * Borrowed. Text and bytes that a function gives as `const char *` or as
 * dormouse_bytes are the handle's that they were asked of, and go with it. What
 * is passed to a function need only be there until it returns, but for the `user`
 * of callbacks, which is kept until `release` is called with it.
 *
 * Errors. A function that can fail takes `dormouse_error **error` as its last
 * argument. It gives NULL, or false, where it fails, and then sets `*error` to an
 * error that the caller frees; where it does not fail, to NULL. What was there
 * before is not looked at. `error` may be NULL. What a guest does wrong is no
 * error, but in its outcome. A bug of this library (a panic of Rust's) is an error
 * too, DORMOUSE_FAILURE_INTERNAL, if it was built to unwind, as it is.
 *
 * NULL where a handle is needed is an error, never undefined. Pointers that dangle,
 * lengths that are too large and handles of another type can't be noticed.
 *
 * Threads. There is no global state. All handles may go from thread to thread, and
 * any number of threads may use one at the same time, but for an error, an outcome
 * and an answer, which are one thread's at a time. Who frees a handle must be the
 * last to use it. Guests run in the thread that calls dormouse_run and the like;
 * host functions may be called in others.
 *
 * Text is UTF-8 that ends with a NUL; paths are what they are for open().
 *
 * This file is made from the library's source: don't edit it.
 */

// What an error is about.
typedef enum dormouse_failure {
  // No error: what was asked for one is NULL.
  DORMOUSE_FAILURE_NONE = 0,
  // An argument is wrong: a handle that is NULL, text that is not UTF-8, a
  // number that stands for nothing.
  DORMOUSE_FAILURE_ARGUMENT = 1,
  // A Wasm module is malformed, uses what is not supported, or imports what
  // there is not.
  DORMOUSE_FAILURE_MODULE = 2,
  // Something can't be granted as asked: a mounted folder is missing, ...
  DORMOUSE_FAILURE_GRANT = 3,
  // A language's guest can't be found, fetched, verified or stored.
  DORMOUSE_FAILURE_GUEST = 4,
  // An image is damaged, of another version, or none at all.
  DORMOUSE_FAILURE_IMAGE = 5,
  // A program that the image can't run; an export that does not exist, or
  // that takes other arguments.
  DORMOUSE_FAILURE_INVOKE = 6,
  // A file can't be read or written.
  DORMOUSE_FAILURE_IO = 7,
  // The session has ended.
  DORMOUSE_FAILURE_CLOSED = 8,
  // The session, or instance, runs something already.
  DORMOUSE_FAILURE_BUSY = 9,
  // The run was stopped by dormouse_stopper_stop.
  DORMOUSE_FAILURE_STOPPED = 10,
  // The interpreter failed in a way that is no trap.
  DORMOUSE_FAILURE_ENGINE = 11,
  // A guest's memory was accessed outside of its bounds, or can't grow.
  DORMOUSE_FAILURE_MEMORY = 12,
  // A called export was aborted by a Wasm trap.
  DORMOUSE_FAILURE_TRAP = 13,
  // A called export exited: see dormouse_error_exit_code.
  DORMOUSE_FAILURE_EXIT = 14,
  // A limit stopped a called export: see dormouse_error_limit.
  DORMOUSE_FAILURE_LIMIT = 15,
  // A function that the module imports failed.
  DORMOUSE_FAILURE_IMPORT = 16,
  // A bug in this library, which went no further.
  DORMOUSE_FAILURE_INTERNAL = 17,
} dormouse_failure;

// What stopped a guest.
typedef enum dormouse_limit {
  // No limit did.
  DORMOUSE_LIMIT_NONE = 0,
  // Its time was over.
  DORMOUSE_LIMIT_DEADLINE = 1,
  // It could do without no more memory.
  DORMOUSE_LIMIT_MEMORY = 2,
  // It wrote too much.
  DORMOUSE_LIMIT_OUTPUT = 3,
  // It had burnt its fuel.
  DORMOUSE_LIMIT_FUEL = 4,
  // One that this version of the header does not know.
  DORMOUSE_LIMIT_OTHER = 5,
} dormouse_limit;

// How it ended.
typedef enum dormouse_status {
  // Not at all: what was asked for an outcome is NULL.
  DORMOUSE_STATUS_NONE = 0,
  // The guest returned, or exited: see dormouse_outcome_exit_code.
  DORMOUSE_STATUS_EXIT = 1,
  // It was aborted by a Wasm trap.
  DORMOUSE_STATUS_TRAP = 2,
  // A limit stopped it: see dormouse_outcome_limit.
  DORMOUSE_STATUS_LIMIT = 3,
} dormouse_status;

// What kind of exception the guest gets.
typedef enum dormouse_answer_kind {
  // Anything else than the others. Python: HostError.
  DORMOUSE_ANSWER_KIND_FAILED = 0,
  // The arguments are wrong. Python: ValueError.
  DORMOUSE_ANSWER_KIND_INVALID = 1,
  // The guest may not do this. Python: PermissionError.
  DORMOUSE_ANSWER_KIND_NOT_GRANTED = 2,
  // There is no such thing. Python: FileNotFoundError.
  DORMOUSE_ANSWER_KIND_NOT_FOUND = 3,
  // It is there already. Python: FileExistsError.
  DORMOUSE_ANSWER_KIND_EXISTS = 4,
  // More than a limit allows.
  DORMOUSE_ANSWER_KIND_TOO_LARGE = 5,
  // It took too long. Python: TimeoutError.
  DORMOUSE_ANSWER_KIND_TIMEOUT = 6,
  // The other side can't be reached. Python: ConnectionError.
  DORMOUSE_ANSWER_KIND_CONNECTION = 7,
} dormouse_answer_kind;

// What a value is.
typedef enum dormouse_kind {
  // A null reference, to functions or to anything else. Nothing is set.
  DORMOUSE_KIND_NULL = 0,
  // A 32-bit integer, in `i32`; its sign is the reader's business.
  DORMOUSE_KIND_I32 = 1,
  // A 64-bit integer, in `i64`.
  DORMOUSE_KIND_I64 = 2,
  // A 32-bit float, in `f32`.
  DORMOUSE_KIND_F32 = 3,
  // A 64-bit float, in `f64`.
  DORMOUSE_KIND_F64 = 4,
  // A 128-bit vector, in `v128`, its lowest byte first.
  DORMOUSE_KIND_V128 = 5,
  // A function of the instance, by its number in `reference`: see
  // dormouse_instance_function.
  DORMOUSE_KIND_FUNCTION = 6,
  // Something of the caller's own, which a guest can keep and pass on: any
  // number, in `reference`.
  DORMOUSE_KIND_EXTERN = 7,
} dormouse_kind;

// What a guest may do below a mount.
typedef enum dormouse_mode {
  // Read and list.
  DORMOUSE_MODE_READ = 0,
  // Also change and remove what exists.
  DORMOUSE_MODE_WRITE = 1,
  // Also create and rename.
  DORMOUSE_MODE_CREATE = 2,
} dormouse_mode;

// A stream that guests write to.
typedef enum dormouse_stream {
  // What a program prints.
  DORMOUSE_STREAM_STDOUT = 1,
  // What it says about itself.
  DORMOUSE_STREAM_STDERR = 2,
} dormouse_stream;

// Where a stream goes.
typedef enum dormouse_to {
  // Into the outcome; of an instance, to dormouse_instance_output.
  DORMOUSE_TO_OUTCOME = 0,
  // Nowhere.
  DORMOUSE_TO_NOTHING = 1,
  // To this process's own stream, as it comes.
  DORMOUSE_TO_HOST = 2,
} dormouse_to;

// What a guest gets from a function of the host's. It is there until that
// function returns.
typedef struct dormouse_answer dormouse_answer;

// What guests may reach (nothing, at first), what bounds them, and where their
// streams lead. A run, session or instance takes what is in it when it starts:
// one of them may serve many, in any number of threads, and be changed between.
typedef struct dormouse_config dormouse_config;

// The guest that calls an imported function, for as long as that takes.
typedef struct dormouse_context dormouse_context;

// Why a function failed. To be freed by dormouse_error_free.
typedef struct dormouse_error dormouse_error;

// A guest, loaded and checked, that any number of runs and sessions start from,
// in any number of threads. What was started from it keeps what it needs.
typedef struct dormouse_image dormouse_image;

// An instance of a module, with a state of its own. One thread uses it at a time:
// others, and functions that it imports, are refused meanwhile
// (DORMOUSE_FAILURE_BUSY).
typedef struct dormouse_instance dormouse_instance;

// A Wasm module, compiled once, for any number of instances.
typedef struct dormouse_module dormouse_module;

// How a run, or a piece of code in a session, ended. To be freed by
// dormouse_outcome_free.
typedef struct dormouse_outcome dormouse_outcome;

// A program: what to run, under which name, with which arguments. It may be run
// any number of times.
typedef struct dormouse_program dormouse_program;

// A guest of a language that keeps its state from one piece of code to the next.
// Any thread may use it; it runs one piece at a time.
typedef struct dormouse_session dormouse_session;

// Stops runs from another thread: all that were given it.
typedef struct dormouse_stopper dormouse_stopper;

// Is given what a guest writes, as it comes: `length` bytes at `data`, for as
// long as it runs. While it runs, the guest waits. It may be called from any
// thread, also from several at a time where several guests run; it must not
// throw, nor longjmp out of itself.
typedef void (*dormouse_output_callback)(void *user, const char *data, size_t length);

// Is called once, with the pointer of a callback that will not be called again;
// from any thread.
typedef void (*dormouse_release)(void *user);

// Is called when a guest calls a function by its name, with the arguments as a
// JSON object (UTF-8), which is this library's, and gone when it returns. It
// says what the guest gets by dormouse_answer_json or dormouse_answer_error
// before it returns; otherwise that is null. It may be called from any thread,
// also from several at a time: calls that a guest makes together are served
// together. It must not throw, nor longjmp out of itself.
typedef void (*dormouse_host_function)(void *user,
                                       const char *arguments,
                                       struct dormouse_answer *answer);

// Bytes that belong to something else, and go with it. A NUL follows them that
// is not counted, so that they can be printed as text if there is none among
// them. `data` is never NULL but for something that is NULL itself.
typedef struct dormouse_bytes {
  // The first one.
  const char *data;
  // How many there are.
  size_t length;
} dormouse_bytes;

// What a value is: the field that its kind says is set.
typedef union dormouse_number {
  int32_t i32;
  int64_t i64;
  float f32;
  double f64;
  uint8_t v128[16];
  uint64_t reference;
} dormouse_number;

// A Wasm value.
typedef struct dormouse_value {
  // A dormouse_kind.
  int32_t kind;
  // What it is.
  union dormouse_number of;
} dormouse_value;

// Is called when a guest calls a function that it imports: with as many
// arguments, and room for as many results, as the import has. Results are zero
// unless they are set. Where it gives false, the guest's call ends with an error,
// DORMOUSE_FAILURE_IMPORT; see dormouse_context_fail. It is called in the thread
// that calls the guest. It must not throw, nor longjmp out of itself.
typedef bool (*dormouse_import)(void *user,
                                struct dormouse_context *context,
                                const struct dormouse_value *arguments,
                                size_t argument_count,
                                struct dormouse_value *results,
                                size_t result_count);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of this library, such as "0.1.0". It is the library's.
const char *dormouse_version(void);

// What it is about.
enum dormouse_failure dormouse_error_kind(const struct dormouse_error *error);

// What was wrong, where, and what to do: a line of UTF-8, which is the error's.
// NULL for NULL.
const char *dormouse_error_message(const struct dormouse_error *error);

// The code that a called export exited with, or -1.
int32_t dormouse_error_exit_code(const struct dormouse_error *error);

// The limit that stopped a called export.
enum dormouse_limit dormouse_error_limit(const struct dormouse_error *error);

// Frees an error.
void dormouse_error_free(struct dormouse_error *error);

// A WASI program or another Wasm module, binary or text, or the bytes of a
// snapshot. `name` is what errors call it. The bytes are copied.
struct dormouse_image *dormouse_image_new(const char *name,
                                          const void *data,
                                          size_t length,
                                          struct dormouse_error **error);

// The snapshot, bundle or Wasm module (binary or text) in a file. A snapshot is
// checked to its last byte, and held in memory, unless this installation made it.
struct dormouse_image *dormouse_image_open(const char *path,
                                           struct dormouse_error **error);

// The same, of a file that nobody changes while the image, or anything that was
// started from it, is in use: a resource of an installed app, a file in a
// read-only file system. A snapshot in it is mapped, read-only and never
// executable: what no guest has written to is the file's own memory, which the
// system shares, and can take back. It is checked to its last byte all the same.
struct dormouse_image *dormouse_image_map(const char *path,
                                          struct dormouse_error **error);

// A language's own image: "python" or "javascript", from the folder `cache`, or,
// where that is NULL, from $DORMOUSE_CACHE or the platform's folder for caches.
// What is not there yet is fetched (by npm) and captured, which takes seconds.
// On a device that can't do that, open an image that was made elsewhere.
struct dormouse_image *dormouse_image_language(const char *language,
                                               const char *cache,
                                               struct dormouse_error **error);

// Runs a program up to a point, and keeps what it is then: runs of that image go on
// from there. `point` is NULL for where the program says, by calling
// dormouse.snapshot_point(); otherwise as for the command's option --at, or
// "init:NAME" for an exported function to be called. `config` may be NULL.
struct dormouse_image *dormouse_image_snapshot(const struct dormouse_image *image,
                                               const struct dormouse_program *program,
                                               const char *point,
                                               const struct dormouse_config *config,
                                               struct dormouse_error **error);

// Writes an image to a file, whole or not at all, for this program's next start,
// or for other machines: a language's own image, a snapshot, or a module.
bool dormouse_image_save(const struct dormouse_image *image,
                         const char *path,
                         struct dormouse_error **error);

// Frees an image. What was started from it goes on.
void dormouse_image_free(struct dormouse_image *image);

// Grants nothing, with the default limits: 30 seconds, 256 MiB of memory, 64 MiB
// of output. Stdin is empty, output is captured.
struct dormouse_config *dormouse_config_new(void);

// Gives the guest the folder or file `host` at the absolute path `guest`. `mode`
// is a dormouse_mode. The folder is looked for when a run starts.
bool dormouse_config_mount(struct dormouse_config *config,
                           const char *guest,
                           const char *host,
                           int32_t mode,
                           struct dormouse_error **error);

// Sets an environment variable of the guest.
bool dormouse_config_env(struct dormouse_config *config,
                         const char *name,
                         const char *value,
                         struct dormouse_error **error);

// Lets the guest keep values by key: in the file `path`, for later runs; or,
// where that is NULL, in memory, for as long as the run or session lasts.
bool dormouse_config_kv(struct dormouse_config *config,
                        const char *path,
                        struct dormouse_error **error);

// Lets the guest send HTTP requests to a host and its subdomains, or to an IP
// address; with ":PORT" on that port alone.
bool dormouse_config_allow_host(struct dormouse_config *config,
                                const char *host,
                                struct dormouse_error **error);

// Shows Python a folder to find modules in.
bool dormouse_config_packages(struct dormouse_config *config,
                              const char *folder,
                              struct dormouse_error **error);

// Makes clocks and randomness the same for each run with this seed.
bool dormouse_config_seed(struct dormouse_config *config,
                          uint64_t seed,
                          struct dormouse_error **error);

// Bounds the time that a guest may take, in milliseconds; 0 for no limit. Of a
// session or an instance, each piece of code, and each call, has it anew.
bool dormouse_config_timeout(struct dormouse_config *config,
                             uint64_t milliseconds,
                             struct dormouse_error **error);

// Bounds the bytes that a guest's memory may hold.
bool dormouse_config_memory(struct dormouse_config *config,
                            uint64_t bytes,
                            struct dormouse_error **error);

// Bounds the bytes that a guest may write to stdout and stderr together; 0 for
// no limit.
bool dormouse_config_max_output(struct dormouse_config *config,
                                uint64_t bytes,
                                struct dormouse_error **error);

// Bounds the Wasm instructions, about, that a guest may run, the same for each
// run; 0 to not count them, which is faster.
bool dormouse_config_fuel(struct dormouse_config *config,
                          uint64_t fuel,
                          struct dormouse_error **error);

// What the guest reads from its stdin. The bytes are copied.
bool dormouse_config_stdin(struct dormouse_config *config,
                           const void *data,
                           size_t length,
                           struct dormouse_error **error);

// Where one of the guest's streams goes. `stream` is a dormouse_stream, `to` a
// dormouse_to.
bool dormouse_config_output(struct dormouse_config *config,
                            int32_t stream,
                            int32_t to,
                            struct dormouse_error **error);

// Frees a configuration. What runs under it goes on.
void dormouse_config_free(struct dormouse_config *config);

// Gives what the guest writes to `stream`, a dormouse_stream, to a function,
// with `user`. `release`, if it is not NULL, is called with `user` when nothing
// can call that function any more, also where this fails.
bool dormouse_config_output_callback(struct dormouse_config *config,
                                     int32_t stream,
                                     dormouse_output_callback callback,
                                     void *user,
                                     dormouse_release release,
                                     struct dormouse_error **error);

// Adds a function of the host's: call("name", ...) in Python and JavaScript calls
// it, with `user`. A second one of a name replaces the first. `release`, if it is
// not NULL, is called with `user` when nothing can call that function any more,
// also where this fails.
bool dormouse_config_function(struct dormouse_config *config,
                              const char *name,
                              dormouse_host_function function,
                              void *user,
                              dormouse_release release,
                              struct dormouse_error **error);

// The guest gets the value that is in `json` (UTF-8), which is copied.
bool dormouse_answer_json(struct dormouse_answer *answer,
                          const char *json,
                          struct dormouse_error **error);

// The guest gets an exception. `kind` is a dormouse_answer_kind; `message`, which
// is copied, is for its program.
bool dormouse_answer_error(struct dormouse_answer *answer,
                           int32_t kind,
                           const char *message,
                           struct dormouse_error **error);

// Source text in the image's language: `length` bytes of it, which are copied.
struct dormouse_program *dormouse_program_code(const void *code,
                                               size_t length,
                                               struct dormouse_error **error);

// Source text of a file called `name`: tracebacks and the guest's own argv use
// that name. The text is copied.
struct dormouse_program *dormouse_program_script(const char *name,
                                                 const void *code,
                                                 size_t length,
                                                 struct dormouse_error **error);

// A Python module that the guest finds, run as "python -m" does.
struct dormouse_program *dormouse_program_module(const char *name,
                                                 struct dormouse_error **error);

// A WASI program, from its _start, or a snapshot of a program, from where it
// was; `name` is its argv[0].
struct dormouse_program *dormouse_program_start(const char *name,
                                                struct dormouse_error **error);

// Adds an argument, which need not be UTF-8.
bool dormouse_program_arg(struct dormouse_program *program,
                          const char *argument,
                          struct dormouse_error **error);

// Frees a program.
void dormouse_program_free(struct dormouse_program *program);

// Runs a program to its end, in this thread, and gives its outcome. What the
// guest does wrong is in that; NULL is for what could not be run. `config` may be
// NULL for the defaults, `stopper` where nobody stops it.
struct dormouse_outcome *dormouse_run(const struct dormouse_image *image,
                                      const struct dormouse_program *program,
                                      const struct dormouse_config *config,
                                      struct dormouse_stopper *stopper,
                                      struct dormouse_error **error);

// Something to stop runs by.
struct dormouse_stopper *dormouse_stopper_new(void);

// Stops all runs that were given this stopper, and will be: each fails with
// DORMOUSE_FAILURE_STOPPED. Of an instance, the call under way or the next one.
// To be called from any thread, any number of times.
void dormouse_stopper_stop(struct dormouse_stopper *stopper);

// Frees a stopper. What it was given to goes on.
void dormouse_stopper_free(struct dormouse_stopper *stopper);

// How it ended.
enum dormouse_status dormouse_outcome_status(const struct dormouse_outcome *outcome);

// The code that the guest exited with; -1 where it ended otherwise.
int32_t dormouse_outcome_exit_code(const struct dormouse_outcome *outcome);

// The limit that stopped the guest.
enum dormouse_limit dormouse_outcome_limit(const struct dormouse_outcome *outcome);

// What a trap, a limit, or an error that nothing caught in a session's piece of
// code has to say, in UTF-8; it is the outcome's. Otherwise NULL.
const char *dormouse_outcome_message(const struct dormouse_outcome *outcome);

// What the guest wrote to stdout, where that goes into the outcome.
struct dormouse_bytes dormouse_outcome_stdout(const struct dormouse_outcome *outcome);

// What the guest wrote to stderr, where that goes into the outcome.
struct dormouse_bytes dormouse_outcome_stderr(const struct dormouse_outcome *outcome);

// Whether output was lost to the limit on it.
bool dormouse_outcome_truncated(const struct dormouse_outcome *outcome);

// Whether the guest was refused memory, whatever it did then.
bool dormouse_outcome_memory_refused(const struct dormouse_outcome *outcome);

// Whether fuel was counted; if so, `fuel`, unless it is NULL, is set to what the
// guest has burnt.
bool dormouse_outcome_fuel_used(const struct dormouse_outcome *outcome, uint64_t *fuel);

// Microseconds from the guest's first instruction to its last.
uint64_t dormouse_outcome_microseconds(const struct dormouse_outcome *outcome);

// Frees an outcome, and all that is its.
void dormouse_outcome_free(struct dormouse_outcome *outcome);

// Opens a session of a language's image. `config` may be NULL for the defaults.
// Each piece of code has the deadline, the output and the fuel anew.
struct dormouse_session *dormouse_session_open(const struct dormouse_image *image,
                                               const struct dormouse_config *config,
                                               struct dormouse_error **error);

// Runs a piece of code. An error that nothing catches in it leaves the session as
// it is: its exit code is then 1, and dormouse_outcome_message has it. An exit,
// a trap or a limit ends the session.
struct dormouse_outcome *dormouse_session_run(struct dormouse_session *session,
                                              const void *code,
                                              size_t length,
                                              struct dormouse_error **error);

// Runs a piece of code as a prompt would: shows what its last expression gives.
struct dormouse_outcome *dormouse_session_repl(struct dormouse_session *session,
                                               const void *code,
                                               size_t length,
                                               struct dormouse_error **error);

// Whether a piece of code can be run as it is, or is only the beginning of
// something: sets `complete`.
bool dormouse_session_is_complete(struct dormouse_session *session,
                                  const void *code,
                                  size_t length,
                                  bool *complete,
                                  struct dormouse_error **error);

// An independent copy of the session as it is now, with the same grants, limits
// and functions. Its stdin is empty, and its output goes into outcomes. Files must
// be closed.
struct dormouse_session *dormouse_session_fork(struct dormouse_session *session,
                                               struct dormouse_error **error);

// Interrupts what the session runs, from another thread; the session goes on.
// Python gets a KeyboardInterrupt. Where nothing runs, nothing happens.
void dormouse_session_interrupt(struct dormouse_session *session);

// Ends the session, and what it runs; from any thread. A second time does
// nothing.
void dormouse_session_close(struct dormouse_session *session);

// Whether the session can still run something.
bool dormouse_session_is_open(const struct dormouse_session *session);

// Ends and frees a session, which must not be while something runs in it.
void dormouse_session_free(struct dormouse_session *session);

// A module from its bytes, binary or text. `name` is what errors call it. The
// bytes are copied.
struct dormouse_module *dormouse_module_new(const char *name,
                                            const void *data,
                                            size_t length,
                                            struct dormouse_error **error);

// A module in a file, binary or text.
struct dormouse_module *dormouse_module_open(const char *path,
                                             struct dormouse_error **error);

// Frees a module. Its instances go on.
void dormouse_module_free(struct dormouse_module *module);

// An instance of a module, once its start function and, if it exports one,
// _initialize have run. `config` may be NULL for the defaults; WASI, for what
// imports that, has what it grants. Each call has the deadline and the fuel anew;
// without both it is faster. `stopper` may be NULL; otherwise dormouse_stopper_stop
// stops the call under way, or else the next one, and the instance goes on.
struct dormouse_instance *dormouse_instance_new(const struct dormouse_module *module,
                                                const struct dormouse_config *config,
                                                struct dormouse_stopper *stopper,
                                                struct dormouse_error **error);

// Calls an exported function with arguments of its types, and sets its results,
// of which there must be room for exactly as many as it has; that may be where the
// arguments are. After a trap or a
// limit the instance can be called again; its memory is as it was left.
bool dormouse_instance_call(struct dormouse_instance *instance,
                            const char *name,
                            const struct dormouse_value *arguments,
                            size_t argument_count,
                            struct dormouse_value *results,
                            size_t result_count,
                            struct dormouse_error **error);

// Sets `function` to the number of an exported function, for
// dormouse_instance_call_function, which need not look for it. It is this
// instance's alone.
bool dormouse_instance_function(struct dormouse_instance *instance,
                                const char *name,
                                uint64_t *function,
                                struct dormouse_error **error);

// Calls a function by its number, as dormouse_instance_call does by its name.
bool dormouse_instance_call_function(struct dormouse_instance *instance,
                                     uint64_t function,
                                     const struct dormouse_value *arguments,
                                     size_t argument_count,
                                     struct dormouse_value *results,
                                     size_t result_count,
                                     struct dormouse_error **error);

// Sets `bytes` to how many bytes an exported memory has now. Here and below, NULL
// for `memory` is "memory", as compilers call it.
bool dormouse_instance_memory_size(struct dormouse_instance *instance,
                                   const char *memory,
                                   uint64_t *bytes,
                                   struct dormouse_error **error);

// Copies `length` bytes from the address `at` of an exported memory to `into`.
// Where they would go past its end, `into` is zeroed, and that is an error,
// DORMOUSE_FAILURE_MEMORY.
bool dormouse_instance_memory_read(struct dormouse_instance *instance,
                                   const char *memory,
                                   uint64_t at,
                                   void *into,
                                   size_t length,
                                   struct dormouse_error **error);

// Copies `length` bytes to the address `at` of an exported memory. Where they
// would go past its end, nothing is copied, and that is an error,
// DORMOUSE_FAILURE_MEMORY.
bool dormouse_instance_memory_write(struct dormouse_instance *instance,
                                    const char *memory,
                                    uint64_t at,
                                    const void *data,
                                    size_t length,
                                    struct dormouse_error **error);

// Adds pages of 64 KiB to an exported memory. `before`, unless it is NULL, is set
// to how many there were.
bool dormouse_instance_memory_grow(struct dormouse_instance *instance,
                                   const char *memory,
                                   uint64_t pages,
                                   uint64_t *before,
                                   struct dormouse_error **error);

// Sets `value` to what an exported global is.
bool dormouse_instance_global(struct dormouse_instance *instance,
                              const char *name,
                              struct dormouse_value *value,
                              struct dormouse_error **error);

// Sets an exported global.
bool dormouse_instance_set_global(struct dormouse_instance *instance,
                                  const char *name,
                                  const struct dormouse_value *value,
                                  struct dormouse_error **error);

// What the guest wrote to `stream`, a dormouse_stream, since that was last asked.
// It is the instance's, until the same is asked again.
struct dormouse_bytes dormouse_instance_output(struct dormouse_instance *instance,
                                               int32_t stream,
                                               struct dormouse_error **error);

// Frees an instance.
void dormouse_instance_free(struct dormouse_instance *instance);

// Gives instances a function for the one that their module imports as `name` of
// `module`, also in place of WASI's; modules that don't import it are not
// concerned. `release`, if it is not NULL, is called with `user` when nothing can
// call that function any more, also where this fails.
bool dormouse_config_import(struct dormouse_config *config,
                            const char *module,
                            const char *name,
                            dormouse_import function,
                            void *user,
                            dormouse_release release,
                            struct dormouse_error **error);

// Says why an imported function gives false: `message` is copied.
bool dormouse_context_fail(struct dormouse_context *context,
                           const char *message,
                           struct dormouse_error **error);

// As dormouse_instance_call, of the guest that calls: as part of its own call,
// under its deadline.
bool dormouse_context_call(struct dormouse_context *context,
                           const char *name,
                           const struct dormouse_value *arguments,
                           size_t argument_count,
                           struct dormouse_value *results,
                           size_t result_count,
                           struct dormouse_error **error);

// As dormouse_instance_memory_size, of the guest that calls.
bool dormouse_context_memory_size(struct dormouse_context *context,
                                  const char *memory,
                                  uint64_t *bytes,
                                  struct dormouse_error **error);

// As dormouse_instance_memory_read, of the guest that calls.
bool dormouse_context_memory_read(struct dormouse_context *context,
                                  const char *memory,
                                  uint64_t at,
                                  void *into,
                                  size_t length,
                                  struct dormouse_error **error);

// As dormouse_instance_memory_write, of the guest that calls.
bool dormouse_context_memory_write(struct dormouse_context *context,
                                   const char *memory,
                                   uint64_t at,
                                   const void *data,
                                   size_t length,
                                   struct dormouse_error **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* DORMOUSE_H */
