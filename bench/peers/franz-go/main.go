// The benchmark's modes through franz-go. As in ottla-bench, key for key.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ---- options, values, measuring

type options map[string]string

func parse(arguments []string) options {
	all := options{}
	for i := 0; i+1 < len(arguments); i += 2 {
		all[strings.TrimPrefix(arguments[i], "--")] = arguments[i+1]
	}
	return all
}

func (o options) text(key, fallback string) string {
	if value, ok := o[key]; ok {
		return value
	}
	return fallback
}

func (o options) real(key string, fallback float64) float64 {
	text, ok := o[key]
	if !ok {
		return fallback
	}
	value, err := strconv.ParseFloat(text, 64)
	check(err)
	return value
}

func (o options) number(key string, fallback int) int { return int(o.real(key, float64(fallback))) }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "franz-go:", err)
		os.Exit(1)
	}
}

type values struct {
	text     []byte
	size, at int
}

func newValues(o options) *values {
	v := &values{size: o.number("size", 100)}
	if path := o.text("text", ""); path != "" {
		text, err := os.ReadFile(path)
		check(err)
		v.text = text
	} else {
		var text strings.Builder
		for i := uint64(0); text.Len() < max(v.size, 1<<20); i++ {
			fmt.Fprintf(&text, "line %d of a letter to Ottla, ", i*2654435761%100003)
		}
		v.text = []byte(text.String())
	}
	return v
}

// The client keeps what it is given, so each value is a copy: the caller's buffer may be used again.
func (v *values) next() []byte {
	if v.at+v.size > len(v.text) {
		v.at = 0
	}
	value := make([]byte, v.size)
	copy(value, v.text[v.at:])
	v.at += v.size
	return value
}

func keyOf(i int) []byte {
	key := []byte("key-0000000000")
	number := i % 100000
	for digit := len(key) - 1; digit >= len(key)-5; digit-- {
		key[digit] = byte('0' + number%10)
		number /= 10
	}
	return key
}

type measure struct {
	wall      time.Time
	user, sys float64
	csw       int64
	faults    int64
}

func newMeasure() measure {
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return measure{time.Now(), float64(u.Utime.Nano()), float64(u.Stime.Nano()), u.Nvcsw + u.Nivcsw, u.Minflt}
}

func (m measure) finish(out map[string]any, count, bytes int) {
	end := newMeasure()
	seconds := end.wall.Sub(m.wall).Seconds()
	n := math.Max(1, float64(count))
	out["count"] = count
	out["wall_s"] = seconds
	out["msg_s"] = float64(count) / seconds
	out["mb_s"] = float64(bytes) / 1e6 / seconds
	out["user_ns_msg"] = (end.user - m.user) / n
	out["sys_ns_msg"] = (end.sys - m.sys) / n
	out["cpu_ns_msg"] = (end.user - m.user + end.sys - m.sys) / n
	out["csw"] = end.csw - m.csw
	out["page_faults"] = end.faults - m.faults
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	out["maxrss_kb"] = u.Maxrss
	tasks, _ := os.ReadDir("/proc/self/task")
	out["threads"] = len(tasks)
}

func percentiles(out map[string]any, samples []float64) {
	sort.Float64s(samples)
	at := func(p float64) float64 {
		if len(samples) == 0 {
			return 0
		}
		return samples[min(int(p*float64(len(samples))), len(samples)-1)]
	}
	out["p50_us"], out["p90_us"], out["p99_us"], out["p999_us"] = at(0.5), at(0.9), at(0.99), at(0.999)
	out["max_us"] = at(1)
}

// ---- clients

func outstanding(o options) int {
	return max(1, o.number("max-outstanding", min(100000, max(1, (64<<20)/o.number("size", 100)))))
}

func clientOptions(o options) []kgo.Opt {
	return []kgo.Opt{kgo.SeedBrokers(strings.Split(o.text("bootstrap", "127.0.0.1:9092"), ",")...), kgo.ClientID("franz-go-bench")}
}

func newProducer(o options, more ...kgo.Opt) *kgo.Client {
	all := append(clientOptions(o),
		kgo.DefaultProduceTopic(o.text("topic", "bench")),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(time.Duration(o.real("linger-ms", 5)*float64(time.Millisecond))),
		kgo.MaxBufferedRecords(2*outstanding(o)))
	if o.number("idempotence", 1) == 0 {
		all = append(all, kgo.DisableIdempotentWrite())
	}
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	codec, known := codecs[o.text("compression", "none")]
	if !known {
		check(errors.New("--compression is not known"))
	}
	all = append(all, kgo.ProducerBatchCompression(codec))
	if size := o.number("batch-size", 0); size > 0 {
		all = append(all, kgo.ProducerBatchMaxBytes(int32(size)))
	}
	client, err := kgo.NewClient(append(all, more...)...)
	check(err)
	return client
}

func newConsumer(o options, from kgo.Offset) *kgo.Client {
	partitions := map[int32]kgo.Offset{}
	for p := 0; p < o.number("partitions", 1); p++ {
		partitions[int32(p)] = from
	}
	client, err := kgo.NewClient(append(clientOptions(o),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{o.text("topic", "bench"): partitions}))...)
	check(err)
	return client
}

// ---- modes

func produce(o options, out map[string]any) {
	count, partitions, limit := o.number("count", 1000000), o.number("partitions", 1), outstanding(o)
	warmup := o.number("warmup", count/10)
	keys := o.number("keys", 0) != 0
	inTurn := !keys && partitions > 1
	var more []kgo.Opt
	if inTurn {
		more = append(more, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	client := newProducer(o, more...)
	v := newValues(o)
	var mutex sync.Mutex
	changed := sync.NewCond(&mutex)
	var done, failed atomic.Int64
	var waiting atomic.Bool
	report := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.Add(1)
		}
		done.Add(1)
		if waiting.Load() {
			mutex.Lock()
			changed.Signal()
			mutex.Unlock()
		}
	}
	waitFor := func(least int) {
		mutex.Lock()
		waiting.Store(true)
		for int(done.Load()) < least {
			changed.Wait()
		}
		waiting.Store(false)
		mutex.Unlock()
	}
	ctx := context.Background()
	sent := 0
	sendUntil := func(end int) {
		for ; sent < end; sent++ {
			if sent-int(done.Load()) >= limit {
				waitFor(sent - limit + 1)
			}
			record := &kgo.Record{Value: v.next()}
			if keys {
				record.Key = keyOf(sent)
			} else if inTurn {
				record.Partition = int32(sent % partitions)
			}
			client.Produce(ctx, record, report)
		}
		waitFor(end)
	}
	sendUntil(warmup)
	m := newMeasure()
	sendUntil(warmup + count)
	m.finish(out, count, count*v.size)
	out["errors"] = failed.Load()
}

func consume(o options, out map[string]any) {
	count := o.number("count", 1000000)
	warmup := o.number("warmup", count/10)
	client := newConsumer(o, kgo.NewOffset().AtStart())
	received, bytes, touched, failed := 0, 0, 0, 0
	readUntil := func(end int) {
		for received < end {
			fetches := client.PollFetches(context.Background())
			failed += len(fetches.Errors())
			fetches.EachPartition(func(p kgo.FetchTopicPartition) {
				for _, record := range p.Records {
					received++
					bytes += len(record.Value)
					if len(record.Value) > 0 {
						touched += int(record.Value[0])
					}
				}
			})
		}
	}
	readUntil(warmup)
	beforeCount, beforeBytes := received, bytes
	m := newMeasure()
	readUntil(beforeCount + count)
	m.finish(out, received-beforeCount, bytes-beforeBytes)
	out["errors"] = failed
	out["touched"] = touched
}

type pace struct{ rate, total, skip int }

func newPace(o options) pace {
	rate := o.number("rate", 1000)
	return pace{rate, int(float64(rate) * o.real("duration", 5)), int(float64(rate) * o.real("warmup-s", 1))}
}

func (p pace) wait(start time.Time, i int) {
	time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(p.rate))))
}

func latency(o options, out map[string]any) {
	client := newProducer(o)
	v := newValues(o)
	p := newPace(o)
	samples := make([]float64, 0, p.total)
	var done, failed atomic.Int64
	var m measure
	start := time.Now()
	for i := 0; i < p.total; i++ {
		p.wait(start, i)
		if i == p.skip {
			m = newMeasure()
		}
		value := v.next()
		index := i
		sent := time.Now()
		client.Produce(context.Background(), &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Add(1)
			} else if index >= p.skip {
				samples = append(samples, float64(time.Since(sent).Nanoseconds())/1e3)
			}
			done.Add(1)
		})
	}
	for int(done.Load()) < p.total {
		time.Sleep(time.Millisecond)
	}
	m.finish(out, p.total-p.skip, (p.total-p.skip)*v.size)
	out["errors"] = failed.Load()
	percentiles(out, samples)
}

func endToEnd(o options, out map[string]any) {
	partitions := o.number("partitions", 1)
	consumer := newConsumer(o, kgo.NewOffset().AtEnd())
	producer := newProducer(o, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	v := newValues(o)
	p := newPace(o)
	samples := make([]float64, 0, p.total)
	var received atomic.Int64
	var probed atomic.Bool
	begin := time.Now()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			fetches := consumer.PollFetches(ctx)
			now := time.Since(begin).Nanoseconds()
			fetches.EachRecord(func(record *kgo.Record) {
				if len(record.Value) < 16 {
					return
				}
				sent := int64(binary.LittleEndian.Uint64(record.Value))
				index := int64(binary.LittleEndian.Uint64(record.Value[8:]))
				if index < 0 {
					probed.Store(true)
					return
				}
				if int(index) >= p.skip {
					samples = append(samples, float64(now-sent)/1e3)
				}
				received.Add(1)
			})
		}
	}()
	send := func(index int) {
		value := v.next()
		if len(value) < 16 {
			value = make([]byte, 16)
		}
		binary.LittleEndian.PutUint64(value[8:], uint64(int64(index)))
		binary.LittleEndian.PutUint64(value, uint64(time.Since(begin).Nanoseconds()))
		producer.Produce(ctx, &kgo.Record{Value: value, Partition: int32(max(index, 0) % partitions)}, nil)
	}
	for !probed.Load() {
		send(-1)
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	var m measure
	start := time.Now()
	for i := 0; i < p.total; i++ {
		p.wait(start, i)
		if i == p.skip {
			m = newMeasure()
		}
		send(i)
	}
	for i := 0; i < 20000 && int(received.Load()) < p.total; i++ {
		time.Sleep(time.Millisecond)
	}
	m.finish(out, p.total-p.skip, (p.total-p.skip)*v.size)
	out["errors"] = p.total - int(received.Load())
	stop()
	<-ended
	percentiles(out, samples)
}

func firstOrIdle(o options, out map[string]any, stay time.Duration) {
	m := newMeasure()
	role := o.text("role", "producer")
	var client *kgo.Client
	failed := 0
	if role == "producer" {
		client = newProducer(o)
		if err := client.ProduceSync(context.Background(), &kgo.Record{Value: newValues(o).next()}).FirstErr(); err != nil {
			failed = 1
		}
		fmt.Println("FIRST")
		time.Sleep(stay)
	} else {
		if role == "group" {
			var err error
			client, err = kgo.NewClient(append(clientOptions(o), kgo.ConsumerGroup(o.text("group", "bench")),
				kgo.ConsumeTopics(o.text("topic", "bench")), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
			check(err)
		} else {
			client = newConsumer(o, kgo.NewOffset().AtStart())
		}
		for client.PollFetches(context.Background()).NumRecords() == 0 {
		}
		fmt.Println("FIRST")
		for end := time.Now().Add(stay); time.Now().Before(end); {
			ctx, cancel := context.WithTimeout(context.Background(), min(time.Second, time.Until(end)))
			client.PollFetches(ctx)
			cancel()
		}
	}
	client.Close()
	m.finish(out, 1, o.number("size", 100))
	out["errors"] = failed
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: bench MODE --key value ...")
		os.Exit(2)
	}
	o := parse(os.Args[2:])
	out := map[string]any{"client": "franz-go", "mode": os.Args[1]}
	switch os.Args[1] {
	case "produce":
		produce(o, out)
	case "consume":
		consume(o, out)
	case "latency":
		latency(o, out)
	case "e2e":
		endToEnd(o, out)
	case "first":
		firstOrIdle(o, out, 0)
	case "idle":
		firstOrIdle(o, out, time.Duration(o.real("duration", 10)*float64(time.Second)))
	default:
		fmt.Fprintln(os.Stderr, "franz-go: no mode", os.Args[1])
		os.Exit(2)
	}
	line, err := json.Marshal(out)
	check(err)
	fmt.Println(string(line))
	if fmt.Sprint(out["errors"]) != "0" {
		os.Exit(1)
	}
}
