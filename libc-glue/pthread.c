/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX threads: their life, and what is theirs. */
#define _GNU_SOURCE /* gettid() */
#include <pthread.h>

#include <errno.h>
#include <reent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/thread.h>

#include "deadline.h"
#include "threads.h"

struct __pthread {
    struct _reent reent; /* first: struct thread's `local` points here, see __getreent() */
    void *(*start)(void *);
    void *arg, *result;
    bool ended, detached, joining;
    struct thread *thread; /* NULL: the first */
    char name[PTHREAD_NAME_BYTES];
    uint8_t cancel_state, cancel_type;
    pid_t tid; /* 0: nobody has asked */
    struct port_queue joiners;
    struct __pthread_cleanup *cleanups;
    struct __pthread *next, **link; /* of all that run */
    struct thread_signals signals;
    const void *values[PTHREAD_KEYS_MAX];
};

static struct {
    struct __pthread main; /* whose struct _reent is newlib's own, _impure_ptr */
    struct __pthread *others;
    struct port_queue main_waits;
    struct {
        void (*destructor)(void *);
        bool used;
    } keys[PTHREAD_KEYS_MAX];
} threads;

SPRAT_API pthread_t pthread_self(void)
{
    struct __pthread *self = thread_self()->local;
    return self ? self : &threads.main;
}

SPRAT_API int pthread_equal(pthread_t a, pthread_t b)
{
    return a == b;
}

/* Streams are the program's, not a thread's. */
static void init_reent(struct _reent *reent)
{
    struct _reent *first = _impure_ptr;

    if (!first->__sdidinit)
        __sinit(first);
    _REENT_INIT_PTR(reent);
    reent->_stdin = first->_stdin;
    reent->_stdout = first->_stdout;
    reent->_stderr = first->_stderr;
    reent->__sdidinit = 1;
}

/* Destructors may set values again: a few rounds, as POSIX has it. */
static void destroy_values(struct __pthread *self)
{
    for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; round++) {
        bool found = false;
        for (unsigned key = 0; key < PTHREAD_KEYS_MAX; key++) {
            void *value = (void *)(uintptr_t)self->values[key];
            if (!value || !threads.keys[key].destructor)
                continue;
            self->values[key] = NULL;
            threads.keys[key].destructor(value);
            found = true;
        }
        if (!found)
            return;
    }
}

SPRAT_API void pthread_exit(void *result)
{
    struct __pthread *self = pthread_self();

    while (self->cleanups)
        __pthread_cleanup_pop(self->cleanups, 1);
    destroy_values(self);
    if (self == &threads.main) {
        self->ended = true;
        while (threads.others)
            thread_wait(&threads.main_waits, PORT_FOREVER);
        exit(EXIT_SUCCESS);
    }
    self->result = result;
    self->ended = true;
    self->reent.__sdidinit = 0; /* its streams are not its own: they stay */
    _reclaim_reent(&self->reent);
    thread_self()->local = NULL;
    thread_self()->name = "pthread"; /* its own goes with it */
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    if (self->detached)
        free(self);
    else
        thread_wake(&self->joiners);
    if (!threads.others)
        thread_wake(&threads.main_waits);
    thread_exit();
}

static void run(void *arg)
{
    struct __pthread *self = arg;

    pthread_exit(self->start(self->arg));
}

SPRAT_API int pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*start)(void *),
                             void *arg)
{
    struct __pthread *made = malloc(sizeof(*made));

    if (!made)
        return EAGAIN;
    memset(made, 0, sizeof(*made));
    init_reent(&made->reent);
    made->start = start;
    made->arg = arg;
    made->detached = attr && attr->__detached;
    made->signals.blocked = pthread_self()->signals.blocked;
    struct thread *thread =
        thread_start("pthread", attr ? attr->__stack_size : THREAD_STACK_DEFAULT, run, made);
    if (!thread) {
        free(made);
        return EAGAIN;
    }
    thread->local = made;
    made->thread = thread;
    made->next = threads.others;
    made->link = &threads.others;
    if (made->next)
        made->next->link = &made->next;
    threads.others = made;
    *out = made;
    return 0;
}

SPRAT_API int pthread_join(pthread_t thread, void **result)
{
    if (thread == pthread_self())
        return EDEADLK;
    if (thread == &threads.main || thread->detached || thread->joining)
        return EINVAL;
    thread->joining = true;
    while (!thread->ended)
        thread_wait(&thread->joiners, PORT_FOREVER);
    if (result)
        *result = thread->result;
    free(thread);
    return 0;
}

SPRAT_API int pthread_detach(pthread_t thread)
{
    if (thread->detached || thread->joining)
        return EINVAL;
    thread->detached = true;
    if (thread->ended)
        free(thread);
    return 0;
}

SPRAT_API void __pthread_cleanup_push(struct __pthread_cleanup *cleanup)
{
    struct __pthread *self = pthread_self();

    cleanup->__next = self->cleanups;
    self->cleanups = cleanup;
}

SPRAT_API void __pthread_cleanup_pop(struct __pthread_cleanup *cleanup, int run_it)
{
    pthread_self()->cleanups = cleanup->__next;
    if (run_it)
        cleanup->__routine(cleanup->__arg);
}

struct thread_signals *threads_signals(pthread_t thread)
{
    return &thread->signals;
}

sigset_t threads_all_block(void)
{
    sigset_t all = threads.main.ended ? ~(sigset_t)0 : threads.main.signals.blocked;

    for (const struct __pthread *thread = threads.others; thread; thread = thread->next)
        all &= thread->signals.blocked;
    return all;
}

void threads_forget(sigset_t set)
{
    threads.main.signals.pending &= ~set;
    for (struct __pthread *thread = threads.others; thread; thread = thread->next)
        thread->signals.pending &= ~set;
}

/* Names, which crash reports tell. */

SPRAT_API int pthread_setname_np(pthread_t thread, const char *name)
{
    if (strlen(name) >= sizeof(thread->name))
        return ERANGE;
    if (thread->ended)
        return ESRCH;
    strcpy(thread->name, name);
    if (thread->thread)
        thread->thread->name = thread->name;
    return 0;
}

SPRAT_API int pthread_getname_np(pthread_t thread, char *name, size_t size)
{
    const char *is = *thread->name ? thread->name : thread == &threads.main ? "main" : "pthread";

    if (strlen(is) >= size)
        return ERANGE;
    strcpy(name, is);
    return 0;
}

/* Nobody is ever cancelled, whatever he says of it. */

SPRAT_API int pthread_setcancelstate(int state, int *before)
{
    struct __pthread *self = pthread_self();

    if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
        return EINVAL;
    if (before)
        *before = self->cancel_state;
    self->cancel_state = (uint8_t)state;
    return 0;
}

SPRAT_API int pthread_setcanceltype(int type, int *before)
{
    struct __pthread *self = pthread_self();

    if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS)
        return EINVAL;
    if (before)
        *before = self->cancel_type;
    self->cancel_type = (uint8_t)type;
    return 0;
}

SPRAT_API void pthread_testcancel(void)
{
}

/* fork() fails, so what surrounds it is never called. */
SPRAT_API int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    (void)prepare;
    (void)parent;
    (void)child;
    return 0;
}

/* The first thread's is the process'. */
SPRAT_API pid_t gettid(void)
{
    static pid_t n_told = 1;
    struct __pthread *self = pthread_self();

    if (!self->tid)
        self->tid = self == &threads.main ? 1 : ++n_told;
    return self->tid;
}

SPRAT_API int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
    const struct thread *its = thread == pthread_self() ? thread_self() : thread->thread;

    if (!its || thread->ended)
        return ESRCH;
    *attr = (pthread_attr_t){.__stack_size = its->stack_size,
                             .__detached = thread->detached,
                             .__stack = thread_stack(its)};
    return 0;
}

/* Keys. */

SPRAT_API int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    for (unsigned i = 0; i < PTHREAD_KEYS_MAX; i++) {
        if (threads.keys[i].used)
            continue;
        threads.keys[i].used = true;
        threads.keys[i].destructor = destructor;
        threads.main.values[i] = NULL; /* one that was deleted left them as they were */
        for (struct __pthread *thread = threads.others; thread; thread = thread->next)
            thread->values[i] = NULL;
        *key = i;
        return 0;
    }
    return EAGAIN;
}

/* Values that threads still have under this key are the program's to free before. */
SPRAT_API int pthread_key_delete(pthread_key_t key)
{
    if (key >= PTHREAD_KEYS_MAX || !threads.keys[key].used)
        return EINVAL;
    threads.keys[key].used = false;
    threads.keys[key].destructor = NULL;
    return 0;
}

SPRAT_API int pthread_setspecific(pthread_key_t key, const void *value)
{
    if (key >= PTHREAD_KEYS_MAX || !threads.keys[key].used)
        return EINVAL;
    pthread_self()->values[key] = value;
    return 0;
}

SPRAT_API void *pthread_getspecific(pthread_key_t key)
{
    return key < PTHREAD_KEYS_MAX ? (void *)(uintptr_t)pthread_self()->values[key] : NULL;
}
