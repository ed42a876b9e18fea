using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Ssb.Conn.Net;

/// <summary>Reads one UDP port until it is disposed, no faster than allowed, and opens it again when the system takes it away. Whatever
/// fails is a problem, and is tried again each second.</summary>
/// <remarks>
/// On a thread of its own: in a flood the wake-ups of asynchronous reads, with all the spinning of the thread pool, were measured to
/// cost half a core, ten times what the reading costs. Time here is the system's: it waits for the system's sockets.
/// </remarks>
internal sealed class LanListener : IDisposable
{
    private const int LargestDatagram = 65_535;

    /// <summary>
    /// After each reading until nothing is left the port rests this long; what comes meanwhile waits in the kernel's buffer.
    /// </summary>
    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(10);

    /// <summary>Where closing a socket does not wake who waits for it (macOS), closing takes this long at most.</summary>
    private static readonly TimeSpan s_wait = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly LanOptions _options;
    private readonly LanFormat _format;
    private readonly LanReceiver _receiver;
    private readonly LanProblems _problems;
    private readonly Action<LanAnnouncement> _announced, _refused;
    private readonly ManualResetEvent _stop = new(initialState: false);
    private readonly Lock _gate = new();
    private readonly Thread _thread;
    private Socket? _socket;
    private volatile bool _stopped;
    private bool _isStarted;

    /// <summary>Prepares it; opens nothing yet.</summary>
    public LanListener(
        LanOptions options, LanFormat format, LanReceiver receiver, LanProblems problems,
        Action<LanAnnouncement> announced, Action<LanAnnouncement> refused)
    {
        (_options, _format, _receiver, _problems) = (options, format, receiver, problems);
        (_announced, _refused) = (announced, refused);
        _thread = new Thread(Read) { IsBackground = true, Name = Subject };
    }

    /// <summary>Opens a port; a test replaces it.</summary>
    internal Func<int, bool, Socket> OpenSocket { private get; init; } = LanSocket.Listen;

    private int Port => _format == LanFormat.Normal ? _options.NormalPort : _options.LegacyPort;

    private string Subject => $"UDP port {Port}";

    /// <summary>Opens the port, unless it is open.</summary>
    /// <returns>false if it cannot be had, which then is a problem.</returns>
    public bool TryOpen([NotNullWhen(false)] out SocketException? error)
    {
        error = null;
        try
        {
            lock (_gate)
            {
                if (_stopped || _socket is not null)
                    return true;
                _socket = OpenSocket(Port, _options.Loopback);
                _socket.ReceiveTimeout = (int)s_wait.TotalMilliseconds;
            }

            _problems.Clear(Subject);
            return true;
        }
        catch (SocketException e)
        {
            error = e;
            _problems.Report(Subject, $"{Subject} ({_format} format) cannot be opened: {PortProblem.Of(Subject, Port, e)}.");
            return false;
        }
    }

    /// <summary>Begins to read.</summary>
    public void Start()
    {
        _isStarted = true;
        _thread.Start();
    }

    /// <summary>Closes the port: it is free when this returns. The reading ends soon after.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            if (_stopped)
                return;
            _stopped = true;
            _stop.Set();
            _socket?.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stop();
        if (_isStarted)
            _thread.Join();
        _stop.Dispose();
    }

    private void Read()
    {
        // What is longer is cut, and flagged. Windows, and Wine more so, does not always say that it cut something: there everything has room.
        byte[] buffer = new byte[OperatingSystem.IsWindows() ? LargestDatagram : LanDatagram.MaxLength + 1];
        while (!_stopped)
        {
            try
            {
                if (Open() is { } socket && ReadAll(socket, buffer))
                    _stop.WaitOne(s_rest);
            }
            catch (ObjectDisposedException) when (_stopped)
            {
                // The socket, closed while it was waited for.
            }
            catch (Exception e)
            {
                Fail(e); // whatever it is, it is neither lost nor the end of discovery
            }
        }
    }

    /// <summary>Waits for a datagram, and reads what is there, as far as one slice of time allows.</summary>
    /// <returns>false if there was nothing.</returns>
    private bool ReadAll(Socket socket, byte[] buffer)
    {
        try
        {
            if (!socket.Poll(s_wait, SelectMode.SelectRead))
                return false;

            for (int reads = 1; ; reads++)
            {
                ReadOne(socket, buffer);
                if (reads >= _options.Limits.ReadsPerSlice || !socket.Poll(TimeSpan.Zero, SelectMode.SelectRead))
                    return true;
            }
        }
        catch (SocketException e) when (
            e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionRefused or SocketError.TimedOut or SocketError.WouldBlock)
        {
            // An answer to what another socket on this port has sent, or a datagram that was damaged: nothing to read.
        }
        catch (SocketException) when (_stopped)
        {
            return false; // closed
        }

        return true;
    }

    private void ReadOne(Socket socket, byte[] buffer)
    {
        SocketFlags flags = SocketFlags.None;
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        int length = socket.ReceiveMessageFrom(buffer, ref flags, ref from, out IPPacketInformation information);
        LanAnnouncement? announcement = _receiver.Receive(
            buffer.AsSpan(0, length), flags, ((IPEndPoint)from).Address, information.Interface, _format, out LanAnnouncement? refused);
        if (announcement is not null)
            _announced(announcement);
        else if (refused is not null)
            _refused(refused);
    }

    /// <returns>The socket; null if there is none at the moment, after a pause.</returns>
    private Socket? Open()
    {
        if (!TryOpen(out _))
            _stop.WaitOne(s_retry);
        lock (_gate)
            return _stopped ? null : _socket;
    }

    private void Fail(Exception e)
    {
        _problems.Report(
            Subject, $"UDP port {Port} ({_format} format) cannot be read: {FailureText.Of(e)}. It is opened again every second.");
        lock (_gate)
        {
            _socket?.Dispose();
            _socket = null;
        }

        _stop.WaitOne(s_retry);
    }
}
