using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using System.Threading.Channels;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Terminals;

/// <summary>The terminal of the person who watches: whole frames out, keys in, and given back as it was whatever happens.</summary>
/// <remarks>
/// Spectre.Console 0.57.2 was tried for this (its Live display, 15 rows): it writes every row again at each refresh (4 kB), knows no
/// synchronised update and no alternate screen, and leaves old rows behind when the terminal is resized.
/// </remarks>
internal sealed class Terminal : IDisposable
{
    private readonly Lock _gate = new();
    private readonly FrameWriter _frames = new();
    private readonly Stream _output;
    private readonly List<IDisposable> _signals = [];
    private readonly EventHandler _onExit;
    private bool _isShowing;
    private bool _isDisposed;

    /// <summary>Takes over the screen.</summary>
    /// <param name="redraw">Called, on any thread, when the screen must be drawn again because it was resized or resumed.</param>
    public Terminal(Action redraw)
    {
        TerminalMode.Prepare();
        _output = Console.OpenStandardOutput();
        _onExit = (_, _) => Leave();
        AppDomain.CurrentDomain.ProcessExit += _onExit;
        AppDomain.CurrentDomain.UnhandledException += OnCrash;
        if (!OperatingSystem.IsWindows())
            HandleUnixSignals(redraw);
        Enter();
    }

    /// <summary>Is there a person's terminal behind standard output, one that can place its cursor?</summary>
    public static bool IsThere => !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";

    /// <summary>Does the person want colours? See https://no-color.org.</summary>
    public static bool WantsColour => string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>Its size now; 80 by 24 if it does not say.</summary>
    public static TableSize Size
    {
        get
        {
            try
            {
                int width = Console.WindowWidth, height = Console.WindowHeight;
                return width > 0 && height > 0 ? new TableSize(width, height) : new TableSize(80, 24);
            }
            catch (IOException)
            {
                return new TableSize(80, 24);
            }
        }
    }

    /// <summary>Shows a frame.</summary>
    public void Show(IReadOnlyList<string> lines, TableSize size)
    {
        lock (_gate)
        {
            if (_isShowing)
                Send(_frames.Write(lines, size));
        }
    }

    /// <summary>The keys that are pressed, from now on; none when standard input is no terminal. More than 64 unread are dropped.</summary>
    public static ChannelReader<ConsoleKey> ReadKeys()
    {
        var keys = Channel.CreateBounded<ConsoleKey>(new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropWrite });
        if (!Console.IsInputRedirected)
        {
            // A thread of its own, since reading a key cannot be cancelled; as a background thread it ends with the process.
            new Thread(() => ReadKeys(keys.Writer)) { IsBackground = true, Name = "keys" }.Start();
        }

        return keys.Reader;
    }

    /// <summary>Gives the screen back.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        Leave();
        AppDomain.CurrentDomain.ProcessExit -= _onExit;
        AppDomain.CurrentDomain.UnhandledException -= OnCrash;
        foreach (IDisposable signal in _signals)
            signal.Dispose();
    }

    /// <summary>Resized, stopped with Ctrl+Z, and continued. Windows has none of these; there the next tick finds the new size.</summary>
    [UnsupportedOSPlatform("windows")]
    private void HandleUnixSignals(Action redraw)
    {
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => redraw()));
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGTSTP, _ =>
        {
            Leave();
            TerminalMode.Suspend();
        }));
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGCONT, _ =>
        {
            TerminalMode.Resume();
            Enter();
            redraw();
        }));
    }

    private static void ReadKeys(ChannelWriter<ConsoleKey> keys)
    {
        try
        {
            while (true)
            {
                ConsoleKeyInfo key = Console.ReadKey(intercept: true);
                if ((key.Modifiers & (ConsoleModifiers.Control | ConsoleModifiers.Alt)) == ConsoleModifiers.None) // Ctrl+D is not d: elsewhere it pages, here it would dismiss
                    keys.TryWrite(key.Key);
            }
        }
        catch (Exception e) when (e is InvalidOperationException or IOException)
        {
            // The terminal went away. What ends the program then is its signal, or the failing output.
        }
    }

    private void OnCrash(object sender, UnhandledExceptionEventArgs e) => Leave();

    private void Enter()
    {
        lock (_gate)
        {
            if (_isShowing || _isDisposed)
                return;
            _isShowing = true;
            _frames.Forget();
            Send(FrameWriter.Enter);
        }
    }

    private void Leave()
    {
        // A terminal that takes nothing more keeps who draws in a write, and must not keep the end of the process as well.
        if (!_gate.TryEnter(TimeSpan.FromSeconds(1)))
            return;
        try
        {
            if (!_isShowing)
                return;
            _isShowing = false;
            Send(FrameWriter.Leave);
        }
        finally
        {
            _gate.Exit();
        }
    }

    private void Send(string text)
    {
        if (text.Length == 0)
            return;
        try
        {
            _output.Write(Encoding.UTF8.GetBytes(text));
            _output.Flush();
        }
        catch (IOException)
        {
            _isShowing = false; // the terminal is gone: nothing to draw on, nothing to give back
        }
    }
}
