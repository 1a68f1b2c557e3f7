from twisted.internet.testing import StringTransport


def test_half_a_line(Echo):
    transport = StringTransport()
    echo = Echo()
    echo.makeConnection(transport)
    echo.dataReceived(b"hel")
    echo.dataReceived(b"lo\n")
    assert transport.value() == b"hello\n"
