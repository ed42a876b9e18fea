using System.Net.Sockets;

namespace Ssb.Conn.Tests.Inside;

public class FailureTextTests
{
    [Theory]
    [InlineData(SocketError.HostNotFound, "there is no such name")]
    [InlineData(SocketError.NoData, "there is no such name")]
    [InlineData(SocketError.TryAgain, "does not answer")]
    [InlineData(SocketError.NoRecovery, "does not answer")]
    [InlineData(SocketError.TooManyOpenSockets, "ulimit -n")]
    [InlineData(SocketError.SocketError, "the system refused it")]
    public void Of_ErrorOfASocket_SaysWhatItIs(SocketError error, string words)
    {
        var socket = new SocketException((int)error);

        Assert.Contains(words, FailureText.Of(socket), StringComparison.Ordinal);
        Assert.Contains(words, FailureText.Of(new IOException("Unable to read data.", socket)), StringComparison.Ordinal);
        Assert.DoesNotContain("Unknown", FailureText.Of(socket), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_EverySocketError_IsAClauseWithoutAFullStop() => Assert.All(Enum.GetValues<SocketError>(), error =>
    {
        string text = FailureText.Of(new SocketException((int)error));
        Assert.NotEqual("", text);
        Assert.False(text.EndsWith('.'), text);
    });

    [Fact]
    public void Of_FileWithoutDescriptors_SaysSo()
    {
        var error = new IOException("Too many open files", OperatingSystem.IsWindows() ? unchecked((int)0x80070004) : 24);

        Assert.True(FailureText.IsOutOfDescriptors(error));
        Assert.Contains("ulimit -n", FailureText.Of(error), StringComparison.Ordinal);
        Assert.False(FailureText.IsOutOfDescriptors(new IOException("Broken pipe", 32)));
    }
}
