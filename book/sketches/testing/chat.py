def test_half_a_line(EchoChat):
    class Fed(EchoChat):
        # async_chat.handle_read calls this.
        def recv(self, size):
            return pieces.pop(0)

        def push(self, data):
            pushed.append(data)

    pieces, pushed = [b"hel", b"lo\n"], []
    chat = Fed()
    chat.handle_read()
    assert pushed == []
    chat.handle_read()
    assert pushed == [b"hello\n"]
