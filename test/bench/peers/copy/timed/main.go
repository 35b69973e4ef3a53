// Runs commands one after the other and prints, as one line of JSON, how long they took by the clock, their processor time and the
// largest resident memory of any of them. Its own memory is small: Linux counts what a process had before it became the command.
//
// The commands are lists of arguments in JSON on stdin. What they say goes to -log. Ends at the first that fails, with its exit code.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

type figures struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpuS"`
	RSSPeakMib float64 `json:"rssPeakMib"`
}

func main() {
	logPath := flag.String("log", os.DevNull, "file for what the commands say")
	flag.Parse()
	var commands [][]string
	if err := json.NewDecoder(os.Stdin).Decode(&commands); err != nil {
		fail(2, err)
	}
	log, err := os.Create(*logPath)
	if err != nil {
		fail(2, err)
	}
	var total figures
	start := time.Now()
	for _, arguments := range commands {
		command := exec.Command(arguments[0], arguments[1:]...)
		command.Stdout, command.Stderr = log, log
		if err := command.Run(); err != nil {
			fail(1, fmt.Errorf("%v: %w", arguments, err))
		}
		usage := command.ProcessState.SysUsage().(*syscall.Rusage)
		total.CPUSeconds += (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
		total.RSSPeakMib = max(total.RSSPeakMib, float64(usage.Maxrss)/1024)
	}
	total.Seconds = time.Since(start).Seconds()
	if err := json.NewEncoder(os.Stdout).Encode(total); err != nil {
		fail(2, err)
	}
}

func fail(code int, err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(code)
}
