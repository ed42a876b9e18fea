using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

namespace Interop.Tests.Harness;

/// <summary>A child process that speaks JSON, one value a line, on its standard streams.</summary>
/// <remarks>Ends with this object: asked to by the end of its input, then killed. Never touches another process.</remarks>
internal sealed class LineProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    // Unbounded, as a test reads all it asked for; what nobody reads is bounded by the life of the child.
    private readonly Channel<JsonElement> _lines = Channel.CreateUnbounded<JsonElement>();
    private readonly Queue<string> _errors = new(); // the last 40 lines
    private readonly Process _process;
    private readonly Task _reading;
    private readonly Task _complaining;
    private bool _isDisposed;

    private LineProcess(Process process)
    {
        _process = process;
        _reading = Task.Run(ReadAsync);
        _complaining = Task.Run(ComplainAsync);
    }

    /// <summary>Starts a program.</summary>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="folder">Where it runs.</param>
    /// <param name="environment">Variables added to ours.</param>
    public static LineProcess Start(
        IReadOnlyList<string> command, string folder, params ReadOnlySpan<(string Name, string Value)> environment)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            UseShellExecute = false,
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
        };
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        return new LineProcess(Process.Start(start) ?? throw new InvalidOperationException($"'{command[0]}' did not start."));
    }

    /// <summary>Sends one line.</summary>
    public async Task SendAsync(string line, CancellationToken cancellationToken)
    {
        try
        {
            await _process.StandardInput.WriteLineAsync(line.AsMemory(), cancellationToken);
            await _process.StandardInput.FlushAsync(cancellationToken);
        }
        catch (IOException e)
        {
            throw new InvalidOperationException($"The child takes no more input. {LastWords()}", e);
        }
    }

    /// <summary>The next line.</summary>
    /// <exception cref="TimeoutException">There was none in time.</exception>
    /// <exception cref="InvalidOperationException">The child ended.</exception>
    public async Task<JsonElement> ReceiveAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        using var guard = new CancellationTokenSource(atMost, TimeProvider.System);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(guard.Token, cancellationToken);
        try
        {
            return await _lines.Reader.ReadAsync(both.Token);
        }
        catch (OperationCanceledException e) when (guard.IsCancellationRequested)
        {
            throw new TimeoutException($"No line within {atMost}. {LastWords()}", e);
        }
        catch (ChannelClosedException e)
        {
            throw new InvalidOperationException($"The child ended. {LastWords()}", e);
        }
    }

    /// <summary>Asks it to end by a signal, as a person or a system does, and waits until it has. Not on Windows.</summary>
    public async Task TerminateAsync(CancellationToken cancellationToken)
    {
        Signals.Send(_process.Id, Signals.Terminate);
        await _process.WaitForExitAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        using var guard = new CancellationTokenSource(s_patience, TimeProvider.System);
        try
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync(guard.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        await Task.WhenAll(_reading, _complaining);
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        try
        {
            while (await _process.StandardOutput.ReadLineAsync() is { } line)
            {
                // Modules print a word of their own now and then; it is kept with the complaints.
                if (TryParse(line, out JsonElement value))
                    _lines.Writer.TryWrite(value);
                else
                    Keep(line);
            }
        }
        finally
        {
            _lines.Writer.Complete();
        }
    }

    // A child that ends in the middle of a line, as one that is killed may, has told nothing with it.
    private static bool TryParse(string line, out JsonElement value)
    {
        value = default;
        if (!line.StartsWith('{') && !line.StartsWith('['))
            return false;
        try
        {
            value = JsonElement.Parse(line, new JsonDocumentOptions { MaxDepth = 1_000 });
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private async Task ComplainAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
            Keep(line);
    }

    private void Keep(string line)
    {
        lock (_errors)
        {
            _errors.Enqueue(line);
            if (_errors.Count > 40)
                _errors.Dequeue();
        }
    }

    private string LastWords()
    {
        string end = _process.HasExited ? $"It exited with {_process.ExitCode}. " : "";
        lock (_errors)
            return end + (_errors.Count == 0 ? "It complained of nothing." : "It said: " + string.Join(Environment.NewLine, _errors));
    }
}
