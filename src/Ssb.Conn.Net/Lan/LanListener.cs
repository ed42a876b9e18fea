using System.Net;
using System.Net.Sockets;

namespace Ssb.Conn.Net;

/// <summary>Reads one UDP port until it is disposed, no faster than allowed, and opens it again when the system takes it away.</summary>
internal sealed class LanListener : IAsyncDisposable
{
    private static readonly TimeSpan s_slice = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly LanOptions _options;
    private readonly LanFormat _format;
    private readonly LanReceiver _receiver;
    private readonly LanProblems _problems;
    private readonly Action<LanAnnouncement> _announced;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Task _reading;
    private Socket? _socket;
    private bool _stopped;

    /// <summary>Opens the port, and begins to read it.</summary>
    /// <exception cref="SocketException">The port cannot be had.</exception>
    public LanListener(LanOptions options, LanFormat format, LanReceiver receiver, LanProblems problems, Action<LanAnnouncement> announced)
    {
        (_options, _format, _receiver, _problems, _announced) = (options, format, receiver, problems, announced);
        _socket = LanSocket.Listen(Port, options.Loopback);
        _reading = Task.Run(ReadAsync);
    }

    private int Port => _format == LanFormat.Normal ? _options.NormalPort : _options.LegacyPort;

    private string Subject => $"UDP port {Port}";

    /// <summary>Closes the port at once; the reading ends soon after.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _stopped = true;
            _socket?.Dispose();
        }

        _stop.Cancel();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Stop();
        await _reading.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task ReadAsync()
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(LanDatagram.MaxLength + 1, pinned: true);
        var anyone = new IPEndPoint(IPAddress.Any, 0);
        long slice = _options.TimeProvider.GetTimestamp();
        int reads = 0;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                SocketReceiveMessageFromResult read = await Open()
                    .ReceiveMessageFromAsync(buffer, SocketFlags.None, anyone, _stop.Token).ConfigureAwait(false);
                IPAddress sender = ((IPEndPoint)read.RemoteEndPoint).Address;
                LanAnnouncement? announcement = _receiver.Receive(
                    buffer.AsSpan(0, read.ReceivedBytes), sender, read.PacketInformation.Interface, _format);
                if (announcement is not null)
                    _announced(announcement);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.MessageSize)
            {
                _receiver.CountTooLong(); // Windows; elsewhere it comes cut to the size of the buffer
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionRefused)
            {
                // An answer to something that another socket on this port has sent. Nothing to do with what we read.
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e)
            {
                if (_stop.IsCancellationRequested)
                    return;
                _problems.Report(Subject, $"{e.Message}; trying again every second.");
                await ReopenAsync().ConfigureAwait(false);
            }

            if (++reads >= _options.Limits.ReadsPerSlice)
            {
                TimeSpan left = s_slice - _options.TimeProvider.GetElapsedTime(slice);
                if (left > TimeSpan.Zero)
                    await PauseAsync(left).ConfigureAwait(false);
                slice = _options.TimeProvider.GetTimestamp();
                reads = 0;
            }
            else if (_options.TimeProvider.GetElapsedTime(slice) >= s_slice)
            {
                slice = _options.TimeProvider.GetTimestamp();
                reads = 0;
            }
        }
    }

    private Socket Open()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            return _socket ??= LanSocket.Listen(Port, _options.Loopback);
        }
    }

    private async Task ReopenAsync()
    {
        lock (_gate)
        {
            _socket?.Dispose();
            _socket = null;
        }

        await PauseAsync(s_retry).ConfigureAwait(false);
        try
        {
            _ = Open();
            _problems.Clear(Subject);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The loop meets it again, and reports it.
        }
    }

    private async Task PauseAsync(TimeSpan time)
    {
        try
        {
            await Task.Delay(time, _options.TimeProvider, _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The loop looks at the token itself.
        }
    }
}
