// Load for a webhook receiver: signed Harbor pushes of 2 KiB, each one different, over connections that are kept.
//
// Closed loop (no -rate): every connection sends its next push when the last one has been answered.
// Open loop (-rate): pushes are due at random times of that mean rate, whatever the receiver does; a latency begins when its push was
// due, so that a receiver that stalls is charged for all that it has kept waiting. What finds no free connection while -backlog others
// wait already is counted as unsent.
//
// Prints one line of JSON. The secret comes from a file, so that no command line has it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type settings struct {
	targets     []string
	path        string
	connections int
	warm        time.Duration
	measured    time.Duration
	rate        float64
	backlog     int
	seed        uint64
	header      string
	secret      []byte
}

func main() {
	options := parse()
	result, err := run(options)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}

func parse() settings {
	targets := flag.String("targets", "", "host:port, several by commas; connections take turns")
	path := flag.String("path", "/", "path of the request")
	connections := flag.Int("connections", 64, "connections in all")
	warm := flag.Duration("warm", time.Second, "sent, but not measured")
	measured := flag.Duration("for", 5*time.Second, "measured")
	rate := flag.Float64("rate", 0, "pushes per second; 0 is a closed loop")
	backlog := flag.Int("backlog", 100_000, "pushes that may wait for a connection")
	seed := flag.Uint64("seed", 1, "the same seed gives the same pushes")
	header := flag.String("header", "X-Signature", "header of the HMAC")
	secretFile := flag.String("secret-file", "", "file with the secret")
	flag.Parse()
	secret, err := os.ReadFile(*secretFile)
	if err != nil || *targets == "" {
		fmt.Fprintln(os.Stderr, "give -targets and a -secret-file that can be read:", err)
		os.Exit(2)
	}
	return settings{
		targets: strings.Split(*targets, ","), path: *path, connections: *connections, warm: *warm, measured: *measured,
		rate: *rate, backlog: *backlog, seed: *seed, header: *header, secret: []byte(strings.TrimRight(string(secret), "\r\n")),
	}
}

// result is of the measured time, but for acknowledged, which is of all that was sent: it is to be found in the log.
type result struct {
	Acknowledged int64          `json:"acknowledged"`
	Answered     int64          `json:"answered"`
	Accepted     int64          `json:"accepted"`
	PerSecond    float64        `json:"perSecond"`
	Statuses     map[int]int64  `json:"statuses"`
	Failed       int64          `json:"failed"`
	Unsent       int64          `json:"unsent"`
	Latency      quantiles      `json:"latency"`
	CPUMs        float64        `json:"cpuMs"`
	Failures     map[string]int `json:"failures"`
}

// run is a whole run: connect, warm up, measure, wait for the last answers.
func run(options settings) (result, error) {
	runtime.LockOSThread() // Of the pacer: its sleeps are the kernel's, and exact.
	workers := make([]*worker, options.connections)
	for index := range workers {
		target := options.targets[index%len(options.targets)]
		connection, err := net.Dial("tcp", target)
		if err != nil {
			return result{}, fmt.Errorf("%s does not take connection %d: %w", target, index, err)
		}
		workers[index] = newWorker(options, target, connection, uint64(index))
	}
	begin := time.Now()
	clock := clock{begin: begin, from: begin.Add(options.warm), to: begin.Add(options.warm + options.measured)}
	var due chan time.Time
	if options.rate > 0 {
		due = make(chan time.Time, options.backlog)
	}
	var working sync.WaitGroup
	for _, one := range workers {
		working.Go(func() { one.work(clock, due) })
	}
	var unsent atomic.Int64
	cpuBefore := cpuMs()
	if due != nil {
		pace(options, clock, due, &unsent)
	} else {
		time.Sleep(time.Until(clock.to))
	}
	cpu := cpuMs() - cpuBefore
	working.Wait()
	total := result{Statuses: map[int]int64{}, Failures: map[string]int{}, Unsent: unsent.Load(), CPUMs: cpu}
	var latencies histogram
	for _, one := range workers {
		one.addTo(&total)
		latencies.add(&one.latencies)
	}
	total.PerSecond = float64(total.Accepted) / options.measured.Seconds()
	total.Latency = latencies.quantiles()
	return total, nil
}

// pace puts the times at which pushes are due into the channel, each when it comes.
func pace(options settings, clock clock, due chan<- time.Time, unsent *atomic.Int64) {
	random := rand.New(rand.NewPCG(options.seed, 2))
	for at := clock.begin; at.Before(clock.to); at = at.Add(time.Duration(random.ExpFloat64() / options.rate * float64(time.Second))) {
		if wait := time.Until(at); wait > 30*time.Microsecond {
			pause := syscall.NsecToTimespec(wait.Nanoseconds())
			_ = syscall.Nanosleep(&pause, nil)
		}
		select {
		case due <- at:
		default:
			if at.After(clock.from) {
				unsent.Add(1)
			}
		}
	}
	close(due)
}

func cpuMs() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}
