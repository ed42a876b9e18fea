using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>A listener on loopback that notes who comes and what they say first, answers what it is told to, and hangs up.</summary>
internal sealed class Trap : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly string? _answer;
    private readonly Task _accepting;
    private readonly Lock _gate = new();
    private readonly List<string> _said = []; // under _gate

    /// <param name="answer">What it answers to a whole HTTP request; null: it hangs up at once.</param>
    public Trap(string? answer = null)
    {
        _answer = answer;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many have come.</summary>
    public int Calls => Said.Count;

    /// <summary>What each of them said first; empty if it was not asked.</summary>
    public IReadOnlyList<string> Said
    {
        get
        {
            lock (_gate)
                return [.. _said];
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            using TcpClient caller = await _listener.AcceptTcpClientAsync();
            string said = "";
            if (_answer is not null)
            {
                byte[] buffer = new byte[4_096];
                while (!said.Contains("\r\n\r\n", StringComparison.Ordinal) && await caller.GetStream().ReadAsync(buffer) is var count and > 0)
                    said += Encoding.Latin1.GetString(buffer, 0, count);
                lock (_gate)
                    _said.Add(said);
                await caller.GetStream().WriteAsync(Encoding.Latin1.GetBytes(_answer));
            }
            else
            {
                lock (_gate)
                    _said.Add("");
            }
        }
    }
}
