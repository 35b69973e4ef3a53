package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"time"
)

const answerTimeout = 15 * time.Second

// clock says what is measured: what is answered from `from` to `to`.
type clock struct{ begin, from, to time.Time }

// worker is one connection.
type worker struct {
	target       string
	connection   net.Conn
	reader       *bufio.Reader
	pushes       *pushes
	acknowledged int64
	answered     int64
	accepted     int64
	failed       int64
	statuses     map[int]int64
	failures     map[string]int
	latencies    histogram
}

func newWorker(options settings, target string, connection net.Conn, index uint64) *worker {
	return &worker{
		target: target, connection: connection, reader: bufio.NewReaderSize(connection, 1024),
		pushes: newPushes(options, target, index), statuses: map[int]int64{}, failures: map[string]int{},
	}
}

// work sends until time is up, or until no push is due any more.
func (w *worker) work(clock clock, due <-chan time.Time) {
	defer w.connection.Close()
	if due != nil {
		for at := range due {
			w.push(clock, at)
		}
		return
	}
	for now := time.Now(); now.Before(clock.to); now = time.Now() {
		w.push(clock, now)
	}
}

func (w *worker) push(clock clock, at time.Time) {
	status, err := w.exchange()
	now := time.Now()
	isMeasured := now.After(clock.from) && !now.After(clock.to)
	if err != nil {
		w.failures[err.Error()]++
		if isMeasured {
			w.failed++
		}
		w.reconnect(clock)
		return
	}
	isAccepted := status >= 200 && status < 300
	if isAccepted {
		w.acknowledged++
	}
	if !isMeasured {
		return
	}
	w.answered++
	w.statuses[status]++
	if isAccepted {
		w.accepted++
		w.latencies.note(now.Sub(at))
	}
}

func (w *worker) exchange() (int, error) {
	if err := w.connection.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return 0, errors.New("not connected")
	}
	if _, err := w.connection.Write(w.pushes.next()); err != nil {
		return 0, errors.New("could not be sent")
	}
	return readAnswer(w.reader)
}

// reconnect tries until there is a connection, or time is up.
func (w *worker) reconnect(clock clock) {
	w.connection.Close()
	for time.Now().Before(clock.to) {
		connection, err := net.DialTimeout("tcp", w.target, time.Second)
		if err == nil {
			w.connection = connection
			w.reader.Reset(connection)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// readAnswer reads an answer whose body has a length.
func readAnswer(reader *bufio.Reader) (int, error) {
	status, length := 0, -1
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return 0, errors.New("no answer")
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if status == 0 {
			if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
				return 0, errors.New("an answer that is none")
			}
			status, _ = strconv.Atoi(string(line[9:12]))
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if len(name) == 14 && bytes.EqualFold(name, []byte("content-length")) {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
	}
	if status == 204 {
		return status, nil
	}
	if length < 0 {
		return 0, errors.New("an answer without a length")
	}
	if _, err := reader.Discard(length); err != nil && err != io.EOF {
		return 0, errors.New("no answer")
	}
	return status, nil
}

func (w *worker) addTo(total *result) {
	total.Acknowledged += w.acknowledged
	total.Answered += w.answered
	total.Accepted += w.accepted
	total.Failed += w.failed
	for status, count := range w.statuses {
		total.Statuses[status] += count
	}
	for what, count := range w.failures {
		total.Failures[what] += count
	}
}
