using System.Text;

namespace Ssb.Conn.Cli.Terminals;

/// <summary>Hands text to a thread of its own, which writes it: a reader that takes nothing, such as the journal of a service that hangs,
/// never holds up whoever has something to say.</summary>
/// <remarks>Thread-safe. Bounded: beyond <see cref="MostTexts"/> texts, or <see cref="MostCharacters"/>, what comes is dropped. How many
/// lines that were is told once there is room again. What cannot be written is lost.</remarks>
internal sealed class QueuedWriter : TextWriter
{
    public const int MostTexts = 1_000;
    public const int MostCharacters = 256 * 1024;

    private readonly TextWriter _output;
    private readonly object _gate = new(); // a Monitor, since it is waited on
    private readonly Queue<string> _texts = new(); // under _gate, as is what follows
    private int _characters;
    private long _dropped; // lines
    private bool _isWriting;
    private long _writingSince;

    public QueuedWriter(TextWriter output)
    {
        _output = output;
        // Now, since there may be none to be had when there is something to say. As a background thread it ends with the process, even in
        // the middle of a write.
        new Thread(WriteAll) { IsBackground = true, Name = "log" }.Start();
    }

    public override Encoding Encoding => _output.Encoding;

    public override void Write(char value) => Add(value.ToString());

    public override void Write(char[] buffer, int index, int count) => Add(new string(buffer, index, count));

    public override void Write(ReadOnlySpan<char> buffer) => Add(buffer.ToString());

    public override void Write(string? value) => Add(value ?? "");

    public override void WriteLine() => Add(NewLine);

    public override void WriteLine(string? value) => Add(value + NewLine);

    public override Task WriteAsync(char value)
    {
        Write(value);
        return Task.CompletedTask;
    }

    public override Task WriteAsync(string? value)
    {
        Write(value);
        return Task.CompletedTask;
    }

    public override Task WriteLineAsync(string? value)
    {
        WriteLine(value);
        return Task.CompletedTask;
    }

    /// <summary>Does nothing: what is queued is written as soon as it can be.</summary>
    public override void Flush()
    {
    }

    /// <inheritdoc cref="Flush"/>
    public override Task FlushAsync() => Task.CompletedTask;

    /// <summary>Waits until all is written, for as long as that is worth waiting for.</summary>
    /// <param name="patience">No longer than this, and not at all if a write has been under way for so long already.</param>
    /// <returns>false if something is left, which the process takes with it when it ends.</returns>
    public bool Drain(TimeSpan patience)
    {
        long start = TimeProvider.System.GetTimestamp();
        lock (_gate)
        {
            while (_texts.Count > 0 || _isWriting || _dropped > 0)
            {
                TimeSpan left = patience - TimeProvider.System.GetElapsedTime(_isWriting && _writingSince < start ? _writingSince : start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(_gate, left))
                    return false;
            }

            return true;
        }
    }

    private void Add(string text)
    {
        if (text.Length == 0)
            return;
        lock (_gate)
        {
            if (_texts.Count >= MostTexts || _characters + text.Length > MostCharacters)
            {
                _dropped += Math.Max(1, text.AsSpan().Count('\n'));
                return;
            }

            _texts.Enqueue(text);
            _characters += text.Length;
            Monitor.PulseAll(_gate);
        }
    }

    private void WriteAll()
    {
        while (true)
        {
            try
            {
                string text = Take();
                _output.Write(text);
                _output.Flush();
            }
            catch (Exception)
            {
                // The terminal is gone, its disk is full, or there is no memory for it: there is nowhere else to tell it.
            }

            lock (_gate)
            {
                _isWriting = false;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private string Take()
    {
        lock (_gate)
        {
            while (true)
            {
                if (_texts.TryDequeue(out string? text))
                {
                    _characters -= text.Length;
                    (_isWriting, _writingSince) = (true, TimeProvider.System.GetTimestamp());
                    return text;
                }

                if (_dropped > 0)
                {
                    string were = _dropped == 1 ? "line was" : "lines were";
                    string told = $"ssb-conn: {_dropped:N0} more {were} not written here, since nobody read them.{NewLine}";
                    _dropped = 0;
                    (_isWriting, _writingSince) = (true, TimeProvider.System.GetTimestamp());
                    return told;
                }

                Monitor.Wait(_gate);
            }
        }
    }
}
