//! Plain functions as handlers.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kafi_core::{Error, ErrorKind, Result};

use crate::extract::{Available, Batch, FromInput};
use crate::input::Input;
use crate::output::{IntoOutputs, Outputs};

/// Why a message was not handled.
pub(crate) enum Fault {
    /// It could not be read as the handler wants it.
    Decode(Error),
    /// The handler failed.
    Handle(Error),
}

/// A function that handles one message.
pub(crate) type Each = Arc<dyn Fn(&mut Input<'_>, &mut Outputs<'_>) -> std::result::Result<(), Fault> + Send + Sync>;

/// A function that handles several messages, which are read one after another by the first argument.
pub(crate) type Many =
    Arc<dyn Fn(&mut dyn Gathering, &mut Outputs<'_>) -> std::result::Result<(), Fault> + Send + Sync>;

/// Messages that are handled together.
pub(crate) trait Gathering {
    /// Hands each message to `take`.
    fn each(&mut self, take: &mut dyn FnMut(&mut Input<'_>) -> Result<()>) -> Result<()>;
}

/// A function of up to six arguments, each of which can be taken of a message, that returns what is published.
///
/// What is none does not compile, and the compiler says what one is:
///
/// ```compile_fail,E0277
/// kafi_app::Route::new("t").handle(|_: kafi_app::Bytes| 7u64);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "a handler is a function that takes what can be had of a message (`Value`, `Json<T>`, `Bytes`, `Key<T>`, `Headers`, `Meta`, `State<S>`) and returns what is published (`()`, an output, an `Option` or a `Vec` of outputs, or a `Result`)"
)]
pub trait Handler<Arguments>: Send + Sync + 'static {
    /// Whether everything that it takes can be had.
    ///
    /// # Errors
    /// `Usage` if not.
    #[doc(hidden)]
    fn check(app: &Available<'_>) -> Result<()>;

    /// What runs it.
    #[doc(hidden)]
    fn erased(self) -> Erased;
}

/// What runs a handler.
#[doc(hidden)]
pub struct Erased(pub(crate) Each);

macro_rules! handlers {
    ($($argument:ident)*) => {
        impl<Function, Returned, $($argument: FromInput,)*> Handler<($($argument,)*)> for Function
        where
            Function: Fn($($argument),*) -> Returned + Send + Sync + 'static,
            Returned: IntoOutputs,
        {
            fn check(_app: &Available<'_>) -> Result<()> {
                $($argument::check(_app)?;)*
                Ok(())
            }

            fn erased(self) -> Erased {
                Erased(Arc::new(move |_input, outputs| {
                    self($($argument::from_input(_input).map_err(Fault::Decode)?),*)
                        .publish(outputs)
                        .map_err(Fault::Handle)
                }))
            }
        }
    };
}

handlers!();
handlers!(A);
handlers!(A B);
handlers!(A B C);
handlers!(A B C D);
handlers!(A B C D E);
handlers!(A B C D E F);

/// What runs a handler of several messages at once.
pub(crate) fn many<T, Function, Returned>(function: Function) -> Many
where
    T: FromInput,
    Function: Fn(Batch<T>) -> Returned + Send + Sync + 'static,
    Returned: IntoOutputs,
{
    Arc::new(move |messages, outputs| {
        let mut all = Vec::new();
        let gathered = messages.each(&mut |input| {
            all.push(T::from_input(input)?);
            Ok(())
        });
        gathered.map_err(Fault::Decode)?;
        function(Batch(all)).publish(outputs).map_err(Fault::Handle)
    })
}

/// Runs a handler; a panic is its failure.
pub(crate) fn caught(run: impl FnOnce() -> std::result::Result<(), Fault>) -> std::result::Result<(), Fault> {
    // What a panic may leave half done, an output, is taken back.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(Fault::Handle(panicked(panic.as_ref()))))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let why = format!("the handler panicked: {}", text.unwrap_or("it does not say why"));
    Error::new(ErrorKind::Function, "handle", why)
}
