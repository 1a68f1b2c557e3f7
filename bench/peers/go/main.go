// Command echo is an idiomatic TCP echo server in Go: a goroutine for each connection, which reads
// and writes as if it could block, and a runtime that waits for all of them with epoll.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	host := flag.String("host", "127.0.0.1", "address to listen on")
	port := flag.String("port", "8881", "TCP port; 0 lets the system pick one")
	flag.Bool("q", false, "accepted and ignored: a peer logs nothing")
	flag.Parse()

	go exitOnSignal()
	// Go sets SO_REUSEADDR, requests the longest backlog that the system grants, and sets
	// TCP_NODELAY on accepted sockets.
	config := net.ListenConfig{Control: useReno}
	listener, err := config.Listen(context.Background(), "tcp", net.JoinHostPort(*host, *port))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening on", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			// For example, out of descriptors: trying again at once would be a busy loop.
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go echo(conn)
	}
}

// useReno gives the listener the same congestion control as all others here; accepted sockets
// inherit it. A system without that option uses its default.
func useReno(_, _ string, socket syscall.RawConn) error {
	const tcpCongestion = 13 // TCP_CONGESTION on Linux, which package syscall doesn't name
	return socket.Control(func(fd uintptr) {
		_ = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, tcpCongestion, "reno")
	})
}

// echo sends back what the client sends, until its end of stream or an error, which affects no other
// client. It doesn't use io.Copy, with which the kernel splices one TCP connection into the other on
// Linux: the server should make one read and one write for each message, like all others.
func echo(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 64*1024)
	for {
		count, err := conn.Read(buffer)
		if count > 0 {
			if _, err := conn.Write(buffer[:count]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func exitOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	os.Exit(0)
}
